#!/usr/bin/env bash
# Reads a real V4L2 device, unplugs it and plugs it in again: Debian's kernel with its vivid driver,
# in QEMU without any rights, on this machine's own files, which it can only read.
# Needs: apt-get install qemu-system-x86 busybox-static kmod. Some minutes; run by hand:
#   tests/devices/v4l2.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
repository=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
image=$(apt-cache depends linux-image-amd64 | grep -o 'linux-image-[0-9][^ ]*' | head -1)
apt-get download -qq "$image"
dpkg-deb -x "$image"*.deb kernel
version=$(ls kernel/lib/modules)
depmod -b kernel "$version"

mkdir -p guest/{bin,modules,mnt,proc,sys,dev}
cp "$(command -v busybox)" guest/bin/busybox
for module in virtio_pci 9pnet_virtio 9p vivid; do
  modprobe -d kernel -S "$version" --show-depends "$module" | awk '/^insmod/ {print $2}'
done | awk '!seen[$0]++' | while read -r file; do
  cp "$file" guest/modules/
  basename "$file"
done >guest/order
cat >guest/init <<INIT
#!/bin/busybox sh
b=/bin/busybox
\$b mount -t proc none /proc; \$b mount -t sysfs none /sys; \$b mount -t devtmpfs none /dev
while read module; do
  case \$module in vivid.ko) options="n_devs=1 node_types=0x1";; *) options="";; esac
  \$b insmod /modules/\$module \$options
done </order
\$b mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=loose,ro host /mnt
\$b mount -t devtmpfs none /mnt/dev; \$b mount -t proc none /mnt/proc; \$b mount -t sysfs none /mnt/sys
\$b chroot /mnt /usr/bin/env PYTHONDONTWRITEBYTECODE=1 \
  $repository/.venv/bin/python $repository/tests/devices/v4l2.py
\$b poweroff -f
INIT
chmod +x guest/init
(cd guest && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >guest.gz
qemu-system-x86_64 -cpu max -m 1024 -display none -serial file:log -no-reboot \
  -kernel kernel/boot/vmlinuz-"$version" -initrd guest.gz \
  -append "console=ttyS0 quiet noapic panic=-1" \
  -fsdev local,id=host,path=/,security_model=none,readonly=on,multidevs=remap \
  -device virtio-9p-pci,fsdev=host,mount_tag=host
grep -a '^v4l2:' log
grep -aq '^v4l2: all is well' log
