#!/bin/bash
# Pid 1 of a node: containerd, then the images, then kube-proxy and the kubelet.
set -euo pipefail
name=$1
logs=/var/log/node
mkdir -p "$logs"

# Version 2 lets a group hold processes or hand controllers to children, not both: pid 1
# steps aside.  The process outside that started it does so too, a moment later.
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  mkdir -p /sys/fs/cgroup/init
  echo 0 >/sys/fs/cgroup/init/cgroup.procs
  tries=0
  until sed 's/\(^\| \)/ +/g' /sys/fs/cgroup/cgroup.controllers \
    2>/dev/null >/sys/fs/cgroup/cgroup.subtree_control; do
    [ $((tries += 1)) -lt 200 ] || {
      echo "node $name ends: cannot hand down $(cat /sys/fs/cgroup/cgroup.controllers)" >&2
      exit 1
    }
    sleep 0.05
  done
fi

# NetworkPolicy: the first packet of every connection through this node is judged by
# kube-network-policies.  Its own nftables rules need a kernel option (NFT_QUEUE) that not
# every kernel has; these do the same.  Until it runs, packets pass.
iptables -A FORWARD -m conntrack --ctstate NEW -j NFQUEUE --queue-num 100 --queue-bypass

# A node is either whole or gone: it ends with the first of its daemons, and says which.  The
# machine's service manager would start that again; here `up` and `start-node` do.
declare -A daemons
fail() {
  echo "node $name ends: $1; the end of $2:" >&2
  tail -n 20 "$2" >&2
  exit 1
}
start() {
  "$@" >"$logs/$1.log" 2>&1 &
  daemons[$!]=$1
}

start containerd
until ctr version >/dev/null 2>&1; do
  [ -e "/proc/$!/exe" ] || fail "containerd ended" "$logs/containerd.log"
  sleep 0.1
done
node-images >"$logs/images.log" 2>&1 || fail "images cannot be imported" "$logs/images.log"

start kube-proxy --config=/etc/kubernetes/kube-proxy.yaml
start kubelet --config=/etc/kubernetes/kubelet.yaml --kubeconfig=/etc/kubernetes/kubelet.conf \
  --hostname-override="$name" --node-ip="$(cat /etc/kubernetes/node-ip)" \
  --node-labels=unet.local/real=true

# Waits for those three only; bash reaps what is orphaned on the node.
code=0
wait -n -p ended "${!daemons[@]}" || code=$?
fail "${daemons[$ended]} ended (exit code $code)" "$logs/${daemons[$ended]}.log"
