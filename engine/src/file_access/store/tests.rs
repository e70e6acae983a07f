//! Tests of the object store by its trait.

use datafusion::object_store::{GetRange, ObjectStoreExt};

use super::*;

/// A store of one directory, and the paths in it.
struct Fixture {
    folder: tempfile::TempDir,
    store: FileStore,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = FileAccess::under(folder.path()).unwrap().writable();
        let store = FileStore::new(&files).unwrap();
        Self { folder, store }
    }

    /// Returns the path of the store for one in the directory.
    fn path(&self, path: &str) -> ObjectPath {
        let root = self.folder.path().canonicalize().unwrap();
        ObjectPath::from_absolute_path(root.join(path)).unwrap()
    }

    fn names(&self, paths: impl IntoIterator<Item = ObjectPath>) -> Vec<String> {
        let root = self.path("");
        let name = |path: ObjectPath| {
            let parts = path.prefix_match(&root).unwrap();
            let parts: Vec<_> = parts.map(|part| part.as_ref().to_owned()).collect();
            parts.join("/")
        };
        let mut names: Vec<_> = paths.into_iter().map(name).collect();
        names.sort();
        names
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let objects = self.store.list(Some(&self.path(prefix)));
        let objects: Vec<ObjectMeta> = objects.try_collect().await?;
        Ok(self.names(objects.into_iter().map(|object| object.location)))
    }

    async fn text(&self, path: &str) -> Result<String> {
        let bytes = self.store.get(&self.path(path)).await?.bytes().await?;
        Ok(String::from_utf8(bytes.to_vec()).unwrap())
    }
}

#[tokio::test]
async fn what_is_put_is_got_in_full_and_in_ranges() {
    let fixture = Fixture::new();
    let (store, path) = (&fixture.store, fixture.path("a/b/x.txt"));
    let put = store.put(&path, "0123456789".into()).await.unwrap();
    let head = store.head(&path).await.unwrap();
    assert_eq!((head.size, &head.e_tag), (10, &put.e_tag));
    assert_eq!(head.location, path);
    assert_eq!(fixture.text("a/b/x.txt").await.unwrap(), "0123456789");
    for (range, expected) in [
        (GetRange::Bounded(2..4), "23"),
        (GetRange::Bounded(8..100), "89"),
        (GetRange::Offset(7), "789"),
        (GetRange::Suffix(1), "9"),
    ] {
        let options = GetOptions {
            range: Some(range),
            ..GetOptions::default()
        };
        let got = store.get_opts(&path, options).await.unwrap();
        assert_eq!(got.bytes().await.unwrap(), expected.as_bytes());
    }
    let ranges = store.get_ranges(&path, &[0..1, 3..6]).await.unwrap();
    assert_eq!(ranges, [&b"0"[..], b"345"]);
    for beyond in [9..11, 0..u64::MAX] {
        let got = store.get_ranges(&path, std::slice::from_ref(&beyond));
        assert!(got.await.is_err(), "{beyond:?}");
    }
    let options = GetOptions {
        if_none_match: put.e_tag,
        ..GetOptions::default()
    };
    let unchanged = store.get_opts(&path, options).await;
    assert!(matches!(unchanged, Err(StoreError::NotModified { .. })));
    let missing = store.get(&fixture.path("a/b/y.txt")).await;
    assert!(matches!(missing, Err(StoreError::NotFound { .. })));
    // A directory is no object.
    let directory = store.head(&fixture.path("a/b")).await;
    assert!(matches!(directory, Err(StoreError::NotFound { .. })));
}

#[tokio::test]
async fn put_of_a_new_object_does_not_replace_one() {
    let fixture = Fixture::new();
    let path = fixture.path("x");
    let create = || {
        fixture
            .store
            .put_opts(&path, "1".into(), PutMode::Create.into())
    };
    create().await.unwrap();
    let again = create().await;
    assert!(matches!(again, Err(StoreError::AlreadyExists { .. })));
    fixture.store.put(&path, "2".into()).await.unwrap();
    assert_eq!(fixture.text("x").await.unwrap(), "2");
    assert_eq!(fixture.list("").await.unwrap(), ["x"]);
    assert_eq!(std::fs::read_dir(fixture.folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn uploads_are_visible_when_they_are_complete() {
    let fixture = Fixture::new();
    let path = fixture.path("new/x");
    let mut upload = fixture.store.put_multipart(&path).await.unwrap();
    let parts = [upload.put_part("ab".into()), upload.put_part("cd".into())];
    // In any order.
    for part in parts.into_iter().rev() {
        part.await.unwrap();
    }
    assert!(fixture.list("").await.unwrap().is_empty());
    upload.complete().await.unwrap();
    assert_eq!(fixture.text("new/x").await.unwrap(), "abcd");

    let mut aborted = fixture.store.put_multipart(&path).await.unwrap();
    aborted.put_part("zz".into()).await.unwrap();
    aborted.abort().await.unwrap();
    assert!(aborted.complete().await.is_err());
    let dropped = fixture.store.put_multipart(&path).await.unwrap();
    drop(dropped);
    assert_eq!(fixture.text("new/x").await.unwrap(), "abcd");
    let left = std::fs::read_dir(fixture.folder.path().join("new")).unwrap();
    assert_eq!(left.count(), 1);
}

#[tokio::test]
async fn objects_are_copied_renamed_and_deleted() {
    let fixture = Fixture::new();
    let (store, [a, b, c]) = (&fixture.store, ["a", "x/b", "y/c"].map(|p| fixture.path(p)));
    store.put(&a, "1".into()).await.unwrap();
    store.copy(&a, &b).await.unwrap();
    let taken = store.copy_if_not_exists(&a, &b).await;
    assert!(matches!(taken, Err(StoreError::AlreadyExists { .. })));
    // A copy is an object of its own.
    std::fs::write(fixture.folder.path().join("a"), "2").unwrap();
    assert_eq!(fixture.text("x/b").await.unwrap(), "1");
    let taken = store.rename_if_not_exists(&a, &b).await;
    assert!(matches!(taken, Err(StoreError::AlreadyExists { .. })));
    store.rename(&a, &b).await.unwrap();
    assert_eq!(fixture.text("x/b").await.unwrap(), "2");
    store.rename_if_not_exists(&b, &c).await.unwrap();
    assert_eq!(fixture.list("").await.unwrap(), ["y/c"]);
    store.delete(&c).await.unwrap();
    let missing = store.delete(&c).await;
    assert!(matches!(missing, Err(StoreError::NotFound { .. })));
    assert!(fixture.list("").await.unwrap().is_empty());
}

#[tokio::test]
async fn listings_have_files_below_a_directory_and_no_files_beside_it() {
    let fixture = Fixture::new();
    for path in ["d/1", "d/e/2", "d/e/f%20/3", "d2/4", "d/5#1", "d/6#a"] {
        let path = fixture.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    }
    let all = ["d/1", "d/6#a", "d/e/2", "d/e/f%20/3"];
    assert_eq!(fixture.list("d").await.unwrap(), all);
    assert_eq!(fixture.text("d/e/f%20/3").await.unwrap(), "x");
    assert!(fixture.list("d/1").await.unwrap().is_empty());
    assert!(fixture.list("nothing").await.unwrap().is_empty());
    let prefix = fixture.path("d");
    let level = fixture.store.list_with_delimiter(Some(&prefix)).await;
    let level = level.unwrap();
    let objects = level.objects.into_iter().map(|object| object.location);
    assert_eq!(fixture.names(objects), ["d/1", "d/6#a"]);
    assert_eq!(fixture.names(level.common_prefixes), ["d/e"]);
}

#[cfg(unix)]
#[tokio::test]
async fn links_are_followed_within_the_directory_alone() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "x").unwrap();
    let fixture = Fixture::new();
    let inside = |path: &str| fixture.folder.path().join(path);
    fixture
        .store
        .put(&fixture.path("d/1"), "x".into())
        .await
        .unwrap();
    symlink("d", inside("same")).unwrap();
    symlink("nowhere", inside("broken")).unwrap();
    symlink(outside.path().join("secret"), inside("secret")).unwrap();
    symlink(outside.path(), inside("out")).unwrap();
    // What leads out is listed, so that it is not left out of an answer, and refused.
    let listed = fixture.list("").await.unwrap();
    assert_eq!(listed, ["d/1", "out", "same/1", "secret"]);
    assert_eq!(fixture.text("same/1").await.unwrap(), "x");
    for path in ["secret", "out", "out/secret"] {
        let refused = fixture.text(path).await;
        assert!(
            matches!(refused, Err(StoreError::PermissionDenied { .. })),
            "{path}: {refused:?}"
        );
    }
    let (store, one) = (&fixture.store, fixture.path("d/1"));
    for path in ["out/new", "out/new/deep"] {
        let path = fixture.path(path);
        for written in [
            store.put(&path, "y".into()).await.map(drop),
            store.put_multipart(&path).await.map(drop),
            store.copy(&one, &path).await,
            store.rename(&one, &path).await,
        ] {
            assert!(written.is_err());
        }
    }
    let (secret, mine) = (fixture.path("secret"), fixture.path("mine"));
    assert!(store.copy(&secret, &mine).await.is_err());
    assert!(store.delete(&fixture.path("out/secret")).await.is_err());
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
    // A put replaces a link, and does not follow it.
    store.put(&secret, "mine".into()).await.unwrap();
    assert_eq!(
        std::fs::read_to_string(outside.path().join("secret")).unwrap(),
        "x"
    );
    symlink(".", inside("d/loop")).unwrap();
    let error = fixture.list("d").await.unwrap_err();
    assert!(
        error.to_string().contains("leads to a directory above it"),
        "{error}"
    );
}

#[tokio::test]
async fn store_that_may_not_write_refuses_every_change() {
    let fixture = Fixture::new();
    let (a, b) = (fixture.path("a"), fixture.path("b"));
    fixture.store.put(&a, "x".into()).await.unwrap();
    let reads = FileAccess::under(fixture.folder.path()).unwrap();
    let reads = FileStore::new(&reads).unwrap();
    reads.get(&a).await.unwrap();
    for refused in [
        reads.put(&b, "x".into()).await.map(drop),
        reads.put_multipart(&b).await.map(drop),
        reads.copy(&a, &b).await,
        reads.copy_if_not_exists(&a, &b).await,
        reads.rename(&a, &b).await,
        reads.rename_if_not_exists(&a, &b).await,
        reads.delete(&a).await,
    ] {
        assert!(matches!(refused, Err(StoreError::PermissionDenied { .. })));
    }
    assert_eq!(fixture.list("").await.unwrap(), ["a"]);
    let parent = ObjectPath::parse(fixture.path("").parts().next().unwrap()).unwrap();
    let outside: Result<Vec<_>> = fixture.store.list(Some(&parent)).try_collect().await;
    assert!(matches!(outside, Err(StoreError::PermissionDenied { .. })));
    let root: Result<Vec<_>> = fixture.store.list(None).try_collect().await;
    assert!(matches!(root, Err(StoreError::PermissionDenied { .. })));
}
