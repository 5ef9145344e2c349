#!/bin/busybox sh
# First and only program of the guest: verifies the directory of before, then writes until the power goes.
# Its variables come from the kernel's command line.
b=/bin/busybox
$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
for module in $($b cat /modules/order); do $b insmod "/modules/$module.ko" || echo "GUEST no module $module"; done
$b mount -t ext4 /dev/vda /disk || echo "GUEST no disk"
port=/dev/vport0p1
[ -e "$port" ] || port=/dev/vport1p1
if [ -n "$TORTURE_WRITEBACK" ]; then
    echo "$TORTURE_WRITEBACK" > /proc/sys/vm/dirty_writeback_centisecs
    echo "$TORTURE_WRITEBACK" > /proc/sys/vm/dirty_expire_centisecs
fi
bug=${TORTURE_PLANTED:+--planted $TORTURE_PLANTED}
case "$TORTURE_ROOM" in
    queue)
        verify="queue-verify --storage journal"
        write="queue-work --storage journal"
        ;;
    *)
        verify=verify
        write="write --records 100000000 --window $TORTURE_WINDOW --buffered-percent $TORTURE_BUFFERED"
        ;;
esac
if [ -n "$TORTURE_VERIFY" ]; then
    /bin/torture $verify --dir "/disk/$TORTURE_VERIFY" --seed "$TORTURE_VERIFY" --history /history --power-lost --no-close $bug > "$port"
    status=$?
    [ "$status" -le 1 ] || echo "! verify ended with $status" > "$port"
fi
if [ -n "$TORTURE_WRITE" ]; then
    /bin/torture $write --dir "/disk/$TORTURE_WRITE" --seed "$TORTURE_WRITE" --run "$TORTURE_RUN" $bug > "$port"
    echo "! write ended with $?" > "$port"
fi
echo "! done" > "$port"
$b poweroff -f
