package footage

import "crypto/sha256"

// leafHash binds a file's content to its path: RFC 6962 section 2.1 leaf hash
// of the file's SHA-256 followed by its path.
func leafHash(sum [sha256.Size]byte, path string) [sha256.Size]byte {
	h := sha256.New()
	_, _ = h.Write([]byte{0})
	_, _ = h.Write(sum[:])
	_, _ = h.Write([]byte(path))
	return [sha256.Size]byte(h.Sum(nil))
}

// treeHash is the RFC 6962 Merkle tree hash over leaf hashes.
func treeHash(leaves [][sha256.Size]byte) [sha256.Size]byte {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leaves[0]
	}
	split := 1 // the largest power of two below the number of leaves
	for split*2 < len(leaves) {
		split *= 2
	}
	left, right := treeHash(leaves[:split]), treeHash(leaves[split:])
	node := make([]byte, 1, 1+2*sha256.Size)
	node[0] = 1
	node = append(node, left[:]...)
	return sha256.Sum256(append(node, right[:]...))
}
