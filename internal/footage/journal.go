package footage

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"rekey"
)

// The first line of a journal.
const (
	journalFormat  = "rekey-footage-journal"
	journalVersion = 1
)

type journalHead struct {
	Format   string `json:"format"`
	Version  int    `json:"version"`
	Recorder string `json:"recorder"`
	From     Wall   `json:"from"`
	To       Wall   `json:"to"`
}

// known is what an earlier export says is in the folder. It is a claim: each
// file is hashed again before it is kept.
type known struct {
	recorder string
	from, to Wall
	files    map[string]File // by path
	manifest bool            // from a manifest, so the export was complete
}

// known reads the manifest of a complete export or the journal of one that was
// broken off. Footage of another recorder is rekey.ErrConflict.
func (f *folder) known(recorder rekey.Identity) (known, error) {
	k, err := f.readKnown()
	if err != nil {
		return known{}, err
	}
	if key := recorderKey(recorder); key != "" && k.recorder != "" && key != k.recorder {
		return known{}, fmt.Errorf("footage folder %s: %w: it holds footage of recorder %.60q, not of %.60q; name another folder", f.dir, rekey.ErrConflict, k.recorder, key)
	}
	return k, nil
}

func (f *folder) readKnown() (known, error) {
	m, err := ReadManifest(f.dir)
	if err == nil {
		k := known{recorder: recorderKey(m.Recorder), from: m.From, to: m.To, files: map[string]File{}, manifest: true}
		for _, file := range m.Files {
			k.files[file.Path] = file
		}
		return k, nil
	}
	if !errors.Is(err, rekey.ErrNotFound) {
		return known{}, err
	}
	in, err := f.root.Open(journalName)
	if errors.Is(err, fs.ErrNotExist) {
		return known{}, nil
	}
	if err != nil {
		return known{}, fmt.Errorf("footage: %w: %w", rekey.ErrStorage, err)
	}
	k, err := parseJournal(in)
	return k, errors.Join(err, in.Close())
}

// recorderKey tells recorders apart where they say who they are.
func recorderKey(id rekey.Identity) string { return id.Key(rekey.Target{}) }

// parseJournal reads a journal up to its first line that is not whole. What is
// not in it is fetched again, so nothing in a journal is an error.
func parseJournal(in io.Reader) (known, error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	var head journalHead
	whole := lines.Scan() && json.Unmarshal(lines.Bytes(), &head) == nil
	if !whole || head.Format != journalFormat || head.Version != journalVersion {
		return known{}, nil
	}
	k := known{recorder: head.Recorder, from: head.From, to: head.To, files: map[string]File{}}
	for lines.Scan() {
		var file File
		if json.Unmarshal(lines.Bytes(), &file) != nil || !safePath(file.Path) {
			break
		}
		k.files[file.Path] = file
	}
	if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return known{}, fmt.Errorf("footage: %w: %w", rekey.ErrStorage, err)
	}
	return k, nil
}

// journal notes the files that are whole while an export goes on. It is not
// synced: a line that is lost costs a download, and no line can be there
// before its file is, because files are.
type journal struct {
	mu  sync.Mutex
	out *os.File
}

// startJournal writes a journal that starts with the files given, in place of
// the one before.
func (f *folder) startJournal(head journalHead, files []File) (*journal, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	err := enc.Encode(head)
	for _, file := range files {
		err = errors.Join(err, enc.Encode(file))
	}
	if err == nil {
		err = f.replace(journalName, text.Bytes())
	}
	if err == nil {
		err = f.syncDir(".")
	}
	var out *os.File
	if err == nil {
		out, err = f.root.OpenFile(journalName, os.O_WRONLY|os.O_APPEND, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("footage journal: %w: %w", rekey.ErrStorage, err)
	}
	return &journal{out: out}, nil
}

// add notes one more whole file, in one write.
func (j *journal) add(file File) error {
	line, err := json.Marshal(file)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, err = j.out.Write(append(line, '\n'))
	return err
}

func (j *journal) close() error { return j.out.Close() }
