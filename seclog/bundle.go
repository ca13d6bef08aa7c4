package seclog

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Export writes a bundle: a ZIP archive with the covered records, their hashes,
// the checkpoint and the verifier key, under the names that they have in the
// log's directory. An opened bundle (*zip.Reader) goes into Verify as a
// directory does. The same log gives the same bytes. It never holds the signing
// key.
//
// Export copies and verifies nothing but that every covered record is there; an
// auditor's Verify of the bundle shows the rest, and so does the exporter's.
func Export(fsys fs.FS, w io.Writer) (Checkpoint, error) {
	cp, signed, err := ownCheckpoint(fsys)
	if err != nil {
		return Checkpoint{}, err
	}
	key, err := ReadKey(fsys)
	if err != nil {
		return Checkpoint{}, err
	}
	z := zip.NewWriter(w)
	err = errors.Join(
		addBytes(z, checkpointFile, signed),
		addBytes(z, publicKeyFile, []byte(key)),
		addRecords(z, fsys, cp.Size),
		addHashes(z, fsys, cp.Size),
		z.Close())
	if err != nil {
		return Checkpoint{}, fmt.Errorf("export security log: %w", err)
	}
	return cp, nil
}

func addBytes(z *zip.Writer, name string, b []byte) error {
	w, err := z.Create(name)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

func addRecords(z *zip.Writer, fsys fs.FS, size int64) error {
	f, err := fsys.Open(recordsFile)
	if err != nil {
		return missingRecords(err)
	}
	defer f.Close() //nolint:errcheck // only read
	w, err := z.Create(recordsFile)
	if err != nil {
		return err
	}
	lines := newLineReader(f)
	for n := range size {
		line, err := lines.next()
		if errors.Is(err, io.EOF) || isDamage(err) {
			return tamperedAt(n, "cannot read its line: %v", err)
		}
		if err != nil {
			return err
		}
		if _, err := w.Write(append(line, '\n')); err != nil { // the newline stands there already
			return err
		}
	}
	return nil
}

// addHashes stores the hashes uncompressed, as hashes do not get smaller.
func addHashes(z *zip.Writer, fsys fs.FS, size int64) error {
	f, err := fsys.Open(hashesFile)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	w, err := z.CreateHeader(&zip.FileHeader{Name: hashesFile, Method: zip.Store})
	if err != nil {
		return err
	}
	if _, err = io.CopyN(w, f, hashBytes(size)); err != nil {
		return fmt.Errorf("copy hashes: %w", err)
	}
	return nil
}
