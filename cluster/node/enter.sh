#!/bin/bash
# Becomes pid 1 of a node: builds the node's file tree in this (new) mount namespace,
# makes it the root and hands over to init.sh.  Called in new mount, uts, ipc, pid and
# cgroup namespaces and in the node's network namespace.
#
#   enter.sh NAME ROOTFS STATE BIN IMAGES STORES SHARED CONTROL_GROUPS_VERSION
#
# STATE holds upper/ and work/ (the node's own writes, new at every start) and kubelet/,
# volumes/, pod-logs/ (kept, as a disk is over a reboot).  STORES holds the images and
# containers of every node, NAME/, and layers/, the files that they share by links.
set -euo pipefail
name=$1 rootfs=$2 state=$3 bin=$4 images=$5 stores=$6 shared=$7 groups=$8

hostname "$name"
mount -t overlay overlay "$state/root" \
  -o "lowerdir=$rootfs,upperdir=$state/upper,workdir=$state/work"
cd "$state/root"
mkdir -p opt/cni/bin opt/volumes shared var/lib/stores var/lib/kubelet var/log/pods old

mount -t proc proc proc
mount -t sysfs sysfs sys
mount --bind /dev dev
mount -t devpts devpts dev/pts -o newinstance,ptmxmode=0666,mode=620,gid=5
mount -t tmpfs tmpfs dev/shm
[ ! -d dev/mqueue ] || mount -t mqueue mqueue dev/mqueue
mount -t tmpfs tmpfs run
mkdir run/lock run/images run/sysctl

# Machine-wide sysctls stay as they are: everything but net.* (which belongs to the node's
# own network namespace) is read-only here, and the few that the kubelet insists on writing
# are shown to it as files that hold what it wants.
for tree in kernel vm fs; do
  mount --bind "proc/sys/$tree" "proc/sys/$tree"
  mount -o remount,bind,ro "proc/sys/$tree"
done
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  key=${setting%=*}
  echo "${setting#*=}" >"run/sysctl/${key//\//.}"
  mount --bind "run/sysctl/${key//\//.}" "proc/sys/$key"
done

# The cgroup namespace makes the node's own group look like the root of each hierarchy.
if [ "$groups" = 2 ]; then
  mount -t cgroup2 cgroup sys/fs/cgroup
else
  mount -t tmpfs tmpfs sys/fs/cgroup
  while IFS=: read -r _ controllers _; do
    case $controllers in
      "") ;; # version 2 without controllers, beside version 1
      name=*) mkdir "sys/fs/cgroup/${controllers#name=}"
        mount -t cgroup -o "none,$controllers" cgroup "sys/fs/cgroup/${controllers#name=}" ;;
      *) mkdir "sys/fs/cgroup/$controllers"
        mount -t cgroup -o "$controllers" cgroup "sys/fs/cgroup/$controllers"
        for controller in ${controllers//,/ }; do
          [ -e "sys/fs/cgroup/$controller" ] || ln -s "$controllers" "sys/fs/cgroup/$controller"
        done ;;
    esac
  done </proc/self/cgroup
fi

read_only() {
  mount --bind "$1" "$2"
  mount -o remount,bind,ro "$2"
}
read_only "$bin" usr/local/bin
read_only "$bin/cni" opt/cni/bin
read_only "$images" run/images
mount --bind "$shared" shared
mount --bind "$state/volumes" opt/volumes
mount --bind "$stores" var/lib/stores
mount --bind "$state/kubelet" var/lib/kubelet
mount --bind "$state/pod-logs" var/log/pods

pivot_root . old
umount -l /old
cd /
mount --make-rshared /
exec env -i PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
  /usr/local/sbin/node-init "$name"
