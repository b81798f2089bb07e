#!/usr/bin/env bash
# `make dist`: a Debian package and a tarball, with SHA256SUMS, in target/packages. The same binary gives the same
# packages: times, owners and the order of files are fixed. No path of the build is in the binary.
#
#   OUT=DIR            where the files go; default target/packages
#   BINARY=FILE        packages this binary and builds none
#   VERSION=1.2.3      the version of the packages; default: that of Cargo.toml
#   REVISION=1         the revision of the Debian package
#   MAINTAINER='N <A>' whoever publishes the Debian package; without it, a placeholder
#   LEVEL=1            compresses less, for a try; default 9
#   SOURCE_DATE_EPOCH  the time of every file; default: that of the commit, or of CHANGELOG.md
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C TZ=UTC
umask 022

name=jdcdn-stats
target=${CARGO_TARGET_DIR:-target}
out=${OUT:-$target/packages}
version=${VERSION:-$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)}
revision=${REVISION:-1}
level=${LEVEL:-9}
maintainer=${MAINTAINER:-"PLACEHOLDER: put the publisher here <maintainer@placeholder.invalid>"}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)}
export SOURCE_DATE_EPOCH

missing=()
for tool in cargo dpkg dpkg-deb dpkg-shlibdeps gzip install sha256sum tar; do
    command -v "$tool" >/dev/null || missing+=("$tool")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "error: not found: ${missing[*]}" >&2
    echo "help: on Debian, \`apt-get install dpkg-dev\` brings dpkg-shlibdeps and the rest" >&2
    exit 1
fi

if [ -z "${BINARY:-}" ]; then
    # Messages of defects contain paths of sources: not those of this machine.
    home=${CARGO_HOME:-$HOME/.cargo}
    mkdir -p "$target"
    for place in "$(realpath "$target")=target" "$PWD=." "$home=cargo"; do
        RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$place"
        CFLAGS="${CFLAGS:-} -ffile-prefix-map=$place"
    done
    export RUSTFLAGS CFLAGS
    cargo build --locked --profile dist
    BINARY=$target/dist/$name
fi

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

# --- What both contain.

both=$stage/both
mkdir -p "$both/completions"
install -m 0755 "$BINARY" "$both/$name"
"$both/$name" man "$both/man" >/dev/null
"$both/$name" completions bash > "$both/completions/$name.bash"
"$both/$name" completions zsh > "$both/completions/_$name"
"$both/$name" completions fish > "$both/completions/$name.fish"
deploy/package/licenses.sh > "$both/THIRD-PARTY.txt"
cp -R README.md README.zh-CN.md CHANGELOG.md SECURITY.md LICENSE-APACHE LICENSE-MIT docs deploy "$both/"
rm -r "$both/deploy/package"

# --- The tarball.

mkdir -p "$out"
architecture=$(uname -m)
top=$name-$version-linux-$architecture
tarball=$out/$top.tar.gz
cp -R "$both" "$stage/$top"
tar --create --directory "$stage" --format=ustar --sort=name --mtime="@$SOURCE_DATE_EPOCH" \
    --owner=0 --group=0 --numeric-owner --mode=u+rw,go+r-w,a+X "$top" | gzip "-${level}n" > "$tarball"

# --- The Debian package.

root=$stage/root
share=$root/usr/share
doc=$share/doc/$name
put() { # MODE FILE PATH
    install -D -m "$1" "$2" "$root$3"
}
put 0755 "$both/$name" "/usr/bin/$name"
for page in "$both"/man/*.1; do
    put 0644 "$page" "/usr/share/man/man1/$(basename "$page")"
done
put 0644 "$both/completions/$name.bash" "/usr/share/bash-completion/completions/$name"
put 0644 "$both/completions/_$name" "/usr/share/zsh/vendor-completions/_$name"
put 0644 "$both/completions/$name.fish" "/usr/share/fish/vendor_completions.d/$name.fish"
for unit in deploy/*.service deploy/*.timer; do
    put 0644 "$unit" "/usr/lib/systemd/system/$(basename "$unit")"
done
# `init` writes the configuration, and never overwrites one. So the sample has another name.
put 0644 deploy/$name.toml "/etc/$name/$name.toml.sample"

mkdir -p "$doc"
cp -R README.md README.zh-CN.md SECURITY.md "$both/THIRD-PARTY.txt" docs "$both/deploy" "$doc/"
cat deploy/package/debian/copyright LICENSE-MIT > "$doc/copyright"
cp CHANGELOG.md "$doc/changelog"
cat > "$doc/changelog.Debian" <<CHANGELOG
$name ($version-$revision) unstable; urgency=medium

  * Package of version $version. Its changes are in changelog.gz.

 -- $maintainer  $(date -d "@$SOURCE_DATE_EPOCH" -R)
CHANGELOG
find "$share/man" -name '*.1' -exec gzip -9n {} +
gzip -9n "$doc/changelog" "$doc/changelog.Debian" "$doc/THIRD-PARTY.txt"
# By hand, the program is in /usr/local/bin; the package puts it into /usr/bin.
find "$root/usr/lib/systemd" "$doc" -type f ! -name '*.gz' -exec sed -i "s|/usr/local/bin/$name|/usr/bin/$name|g" {} +

shlibs=$stage/shlibs
mkdir -p "$shlibs/debian"
printf 'Source: %s\n\nPackage: %s\nArchitecture: any\n' "$name" "$name" > "$shlibs/debian/control"
libraries=$(cd "$shlibs" && dpkg-shlibdeps -O "$root/usr/bin/$name" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')

find "$root" -type d -exec chmod 0755 {} +
size=$(du -k -s --apparent-size "$root" | cut -f1)
mkdir "$root/DEBIAN"
sed -e "s|@VERSION@|$version-$revision|" -e "s|@ARCHITECTURE@|$(dpkg --print-architecture)|" \
    -e "s|@MAINTAINER@|$maintainer|" -e "s|@SIZE@|$size|" -e "s|@LIBRARIES@|$libraries|" \
    deploy/package/debian/control > "$root/DEBIAN/control"
echo "/etc/$name/$name.toml.sample" > "$root/DEBIAN/conffiles"
install -m 0755 deploy/package/debian/{postinst,prerm,postrm} "$root/DEBIAN/"
(cd "$root" && find etc usr -type f -print0 | sort -z | xargs -0 md5sum) > "$root/DEBIAN/md5sums"
find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
package=$out/${name}_$version-${revision}_$(dpkg --print-architecture).deb
# Several threads would compress to other bytes.
DPKG_DEB_THREADS_MAX=1 dpkg-deb --root-owner-group -Zxz "-z$level" --build "$root" "$package" >/dev/null

(cd "$out" && sha256sum "$(basename "$package")" "$(basename "$tarball")" > SHA256SUMS)
echo "$package"
echo "$tarball"
echo "$out/SHA256SUMS"
case $maintainer in *placeholder.invalid*)
    echo "note: the maintainer of the Debian package is a placeholder; set MAINTAINER='Name <address>' before you publish it" >&2 ;;
esac
