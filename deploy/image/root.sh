#!/bin/sh
# Lays out the files of an image: FOLDER/files has the executable of an archive of a release, the
# libraries of this machine that it is linked to, and its texts; FOLDER/data has the folder that the
# user of the image owns. The machine is of the archive's kind, with its C library or a newer one.
#
# Usage: root.sh ARCHIVE FOLDER, with a folder that does not exist.
set -eu

if [ $# -ne 2 ] || [ ! -f "$1" ] || [ -e "$2" ]; then
    echo "error: expected an archive that exists and a folder that does not, found: $*" >&2
    exit 2
fi
archive=$1
root=$2/files
docs=$root/usr/share/doc

umask 022
mkdir -p "$root/tmp" "$root/unpacked" "$root/usr/bin" "$docs/fusebox" \
    "$root/etc/fusebox/users" "$root/var/lib" "$2/data/fusebox"
tar --extract --gzip --no-same-owner --strip-components=1 --file "$archive" \
    --directory "$root/unpacked"
(cd "$root/unpacked" && sha256sum --check --quiet SHA256SUMS)
mv "$root/unpacked/bin/fusebox" "$root/usr/bin/fusebox"
mv "$root/unpacked/share/fusebox" "$root/usr/share/fusebox"
for text in LICENSE LICENSES.txt LICENSES-rust-std.html sbom.cdx.json; do
    mv "$root/unpacked/$text" "$docs/fusebox/$text"
done
rm -r "$root/unpacked"

# An executable that is linked statically is an error of ldd.
libraries=$(ldd "$root/usr/bin/fusebox" || true)
for library in $(echo "$libraries" | grep -o '/[^ ]*' | sort -u); do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
done
# Debian and its relatives: the licences of these libraries.
for package in libc6 libgcc-s1; do
    if [ -f "/usr/share/doc/$package/copyright" ]; then
        mkdir -p "$docs/$package"
        cp -L "/usr/share/doc/$package/copyright" "$docs/$package/copyright"
    fi
done

echo 'root:x:0:0::/:/sbin/nologin
fusebox:x:65532:65532::/var/lib/fusebox:/sbin/nologin' >"$root/etc/passwd"
echo 'root:x:0:
fusebox:x:65532:' >"$root/etc/group"
chmod 1777 "$root/tmp"
# Where the secret is mounted, which a read-only root has to hold. It names no users.
: >"$root/etc/fusebox/users/passwords"
