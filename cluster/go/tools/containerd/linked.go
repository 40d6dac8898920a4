package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/containerd/containerd/v2/core/diff"
	"github.com/containerd/containerd/v2/core/diff/apply"
	"github.com/containerd/containerd/v2/core/metadata"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/plugins"
	"github.com/containerd/containerd/v2/plugins/diff/walking"
	"github.com/containerd/log"
	"github.com/containerd/platforms"
	"github.com/containerd/plugin"
	"github.com/containerd/plugin/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// linked unpacks each layer once for all nodes.  The first node hands the unpacked files to
// Layers as hard links, the others link them from there.  Nobody writes to them: what a
// container changes it copies up into its own layer first.
//
// Links do not cross mounts, so Layers and the nodes' stores are below one mount.
type linked struct {
	diff.Comparer
	unpack diff.Applier
	layers string
}

type config struct {
	Layers string `toml:"layers"`
}

func init() {
	registry.Register(&plugin.Registration{
		Type:     plugins.DiffPlugin,
		ID:       "linked",
		Requires: []plugin.Type{plugins.MetadataPlugin},
		Config:   &config{},
		InitFn: func(ic *plugin.InitContext) (any, error) {
			layers := ic.Config.(*config).Layers
			if layers == "" {
				return nil, fmt.Errorf("no folder of layers: %w", plugin.ErrSkipPlugin)
			}
			md, err := ic.GetSingle(plugins.MetadataPlugin)
			if err != nil {
				return nil, err
			}
			content := md.(*metadata.DB).ContentStore()
			ic.Meta.Platforms = append(ic.Meta.Platforms, platforms.DefaultSpec())
			unpack := apply.NewFileSystemApplier(content)
			return linked{walking.NewWalkingDiff(content), unpack, layers}, nil
		},
	})
}

// Apply makes a snapshot hold the layer, which lies in the content store or in Layers.
func (l linked) Apply(
	ctx context.Context, layer ocispec.Descriptor, mounts []mount.Mount, opts ...diff.ApplyOpt,
) (ocispec.Descriptor, error) {
	files, parent, found := target(mounts)
	if !found {
		return l.unpack.Apply(ctx, layer, mounts, opts...)
	}
	// A folder that a layer does not name takes after its parents': the same layer on others
	// is another one.
	below := []byte("nothing")
	if parent != "" {
		var err error
		if below, err = os.ReadFile(chain(parent)); err != nil {
			return l.unpack.Apply(ctx, layer, mounts, opts...)
		}
	}
	name := digest.FromString(string(below) + " " + layer.Digest.String()).Encoded()
	held := filepath.Join(l.layers, name)
	// Of nodes that start together, one unpacks and the others wait for it.
	lock, err := os.OpenFile(held+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return ocispec.Descriptor{}, err
	}
	applied, err := l.link(held, files)
	if errors.Is(err, fs.ErrNotExist) {
		if applied, err = l.unpack.Apply(ctx, layer, mounts, opts...); err == nil {
			if failed := l.hand(held, files, applied); failed != nil {
				log.G(ctx).WithError(failed).Warn("a layer is not shared with other nodes")
			}
		}
	}
	if err == nil {
		err = os.WriteFile(chain(files), []byte(name), 0o644)
	}
	return applied, err
}

// target returns the folder that a snapshot is unpacked to, and its parent's.
func target(mounts []mount.Mount) (files, parent string, found bool) {
	if len(mounts) != 1 {
		return "", "", false
	}
	if mounts[0].Type == "bind" {
		return mounts[0].Source, "", true
	}
	for _, option := range mounts[0].Options {
		if path, is := strings.CutPrefix(option, "upperdir="); is {
			files = path
		} else if path, is := strings.CutPrefix(option, "lowerdir="); is {
			parent, _, _ = strings.Cut(path, ":")
		}
	}
	return files, parent, mounts[0].Type == "overlay" && files != "" && parent != ""
}

// chain is where a snapshot's name in Layers is noted.
func chain(files string) string {
	return filepath.Join(filepath.Dir(files), "layer")
}

func (l linked) link(held, files string) (ocispec.Descriptor, error) {
	var applied ocispec.Descriptor
	noted, err := os.ReadFile(filepath.Join(held, "applied.json"))
	if err != nil {
		return applied, err
	}
	if err := json.Unmarshal(noted, &applied); err != nil {
		return applied, err
	}
	return applied, linkTree(filepath.Join(held, "files"), files)
}

func (l linked) hand(held, files string, applied ocispec.Descriptor) error {
	unfinished, err := os.MkdirTemp(l.layers, ".unfinished-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(unfinished)
	if err := os.Mkdir(filepath.Join(unfinished, "files"), 0o755); err != nil {
		return err
	}
	if err := linkTree(files, filepath.Join(unfinished, "files")); err != nil {
		return err
	}
	note, err := json.Marshal(applied)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(unfinished, "applied.json"), note, 0o644); err != nil {
		return err
	}
	if err := os.Rename(unfinished, held); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// linkTree makes `to`, an empty folder, the same as `from`: folders anew, with their owners,
// attributes and dates, all else as links.
func linkTree(from, to string) error {
	said, err := exec.Command("cp", "-a", "--link", from+"/.", to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cp: %w: %s", err, said)
	}
	return nil
}
