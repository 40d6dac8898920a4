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
  until sed 's/\(^\| \)/ +/g' /sys/fs/cgroup/cgroup.controllers \
    2>/dev/null >/sys/fs/cgroup/cgroup.subtree_control; do sleep 0.05; done
fi

# NetworkPolicy: the first packet of every connection through this node is judged by
# kube-network-policies.  Its own nftables rules need a kernel option (NFT_QUEUE) that not
# every kernel has; these do the same.  Until it runs, packets pass.
iptables -A FORWARD -m conntrack --ctstate NEW -j NFQUEUE --queue-num 100 --queue-bypass

containerd >"$logs/containerd.log" 2>&1 &
until ctr version >/dev/null 2>&1; do sleep 0.1; done
node-images >"$logs/images.log" 2>&1

kube-proxy --config=/etc/kubernetes/kube-proxy.yaml >"$logs/kube-proxy.log" 2>&1 &
kubelet --config=/etc/kubernetes/kubelet.yaml --kubeconfig=/etc/kubernetes/kubelet.conf \
  --hostname-override="$name" --node-ip="$(cat /etc/kubernetes/node-ip)" \
  --node-labels=unet.local/real=true \
  >"$logs/kubelet.log" 2>&1 &

# Reap whatever is orphaned on the node; end with the first of the three daemons, so that
# a node is either whole or NotReady.
set +e
while :; do
  wait -n
  for daemon in containerd kube-proxy kubelet; do
    pgrep -x "$daemon" >/dev/null || { echo "$daemon ended; see $logs/$daemon.log"; exit 1; }
  done
done
