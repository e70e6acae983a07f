//! File access and the size limit of modules.

use fusebox::{Error, FileAccess, FileAccessError, ModuleError, Session, StatementError};

use crate::{CLAMP, run};

#[tokio::test]
async fn sessions_read_no_files_by_default() {
    let session = Session::builder().build().unwrap();
    let error = run(&session, CLAMP).await.unwrap_err();
    assert!(matches!(
        error,
        Error::Refused {
            reason: StatementError::Path(FileAccessError::Denied),
            ..
        }
    ));
}

#[tokio::test]
async fn paths_outside_the_allowed_directory_are_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(folder.path().join("secret.wat"), "(module)").unwrap();
    std::fs::write(inside.join("fine.wat"), "(module)").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.path().join("secret.wat"), inside.join("link.wat")).unwrap();
    let files = FileAccess::under(&inside).unwrap();
    let session = Session::builder().files(files).build().unwrap();
    let read = async |path: &str| {
        let create = format!("CREATE OR REPLACE MODULE m LANGUAGE WASM FROM '{path}'");
        run(&session, &create).await
    };
    read("fine.wat").await.unwrap();
    let absolute = folder.path().join("secret.wat").display().to_string();
    for path in [
        "../secret.wat",
        "link.wat",
        "/etc/passwd",
        "x/../../y",
        &absolute,
    ] {
        assert!(
            matches!(
                read(path).await,
                Err(Error::Refused {
                    reason: StatementError::Path(FileAccessError::Outside { .. }),
                    ..
                })
            ),
            "{path}"
        );
    }
}

#[cfg(unix)]
#[tokio::test]
async fn device_files_are_rejected() {
    let session = Session::builder().files(FileAccess::any()).build().unwrap();
    let error = run(&session, "CREATE MODULE m LANGUAGE WASM FROM '/dev/zero'")
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "module `m` cannot be read: '/dev/zero' is not a regular file"
    );
}

#[tokio::test]
async fn module_bytes_max_is_an_inclusive_limit() {
    let text = "(module)";
    for (bytes_max, fits) in [(8, true), (7, false)] {
        let builder = Session::builder().module_bytes_max(bytes_max);
        let session = builder.build().unwrap();
        let create = format!("CREATE MODULE m LANGUAGE WASM AS $${text}$$");
        match run(&session, &create).await {
            Ok(_) => assert!(fits),
            Err(Error::Module { fault, .. }) => {
                assert!(!fits && matches!(fault, ModuleError::TooLarge { .. }));
            }
            Err(other) => panic!("{other}"),
        }
    }
}
