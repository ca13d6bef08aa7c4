package seclog

import (
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/tlog"
)

// A frontier is the right edge of the tree: the roots of the complete subtrees
// that make it up, one for each 1 bit of the size. With it a record is added
// and the root is computed without reading earlier hashes, so that a log of any
// length is written and verified in the same small memory.
type frontier struct {
	size  int64
	nodes [41]tlog.Hash // nodes[l] counts where bit l of size is set; maxSize is 1<<40
	added []tlog.Hash
}

// add adds a leaf and returns the hashes to store for it: the leaf, then every
// subtree that it completes, lowest first. The slice is valid until the next call.
func (f *frontier) add(leaf tlog.Hash) []tlog.Hash {
	f.added = append(f.added[:0], leaf)
	level := 0
	for ; f.size>>level&1 == 1; level++ {
		leaf = tlog.NodeHash(f.nodes[level], leaf)
		f.added = append(f.added, leaf)
	}
	f.nodes[level] = leaf
	f.size++
	return f.added
}

// root is the RFC 6962 tree hash.
func (f *frontier) root() tlog.Hash {
	var root tlog.Hash
	if f.size == 0 {
		root, _ = tlog.TreeHash(0, nil) // the hash of no bytes; cannot fail
		return root
	}
	first := true
	for level := 0; f.size>>level != 0; level++ {
		switch {
		case f.size>>level&1 == 0:
		case first:
			root, first = f.nodes[level], false
		default:
			root = tlog.NodeHash(f.nodes[level], root)
		}
	}
	return root
}

// loadFrontier reads the right edge of the tree of size records from r.
func loadFrontier(size int64, r tlog.HashReader) (frontier, error) {
	f := frontier{size: size}
	for level := 0; size>>level != 0; level++ {
		if size>>level&1 == 0 {
			continue
		}
		h, err := r.ReadHashes([]int64{tlog.StoredHashIndex(level, size>>level-1)})
		if err != nil {
			return frontier{}, err
		}
		f.nodes[level] = h[0]
	}
	return f, nil
}

// storedHashes reads the hashes file.
type storedHashes struct{ io.ReaderAt }

// ReadHashes implements tlog.HashReader.
func (s storedHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if _, err := s.ReadAt(hashes[i][:], x*tlog.HashSize); err != nil {
			return nil, fmt.Errorf("read stored hash %d: %w", x, err)
		}
	}
	return hashes, nil
}

// hashBytes is the length of the hashes file of a log of size records.
func hashBytes(size int64) int64 { return tlog.StoredHashCount(size) * tlog.HashSize }
