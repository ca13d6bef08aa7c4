package footage

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"rekey"
)

// export is one export in the making.
type export struct {
	src     Source
	folder  *folder
	opt     Options
	items   []item // what the recorder lists, by channel and time
	carried []File // whole files of earlier exports that the recorder no longer lists so
	now     during // when the recordings were listed, by the recorder's clock
	journal *journal
	slots   chan struct{} // one for each download at a time

	mu     sync.Mutex
	told   Progress
	silent int64 // bytes since the last report
}

// item is one recording and its file.
type item struct {
	rec   rekey.Recording
	file  File
	whole bool   // the file is in the folder, hashed
	left  string // why it is left out; "" = it is not
}

// plan gives every recording its file, and finds out by hashing which files
// are whole already.
func (e *export) plan(ctx context.Context, recordings []rekey.Recording, k known) error {
	slices.SortFunc(recordings, func(a, b rekey.Recording) int {
		return cmp.Or(cmp.Compare(a.Channel, b.Channel), a.Start.Compare(b.Start), a.End.Compare(b.End), cmp.Compare(a.Path, b.Path))
	})
	bySource := map[string][]File{}
	used := names{}
	for _, f := range k.files {
		bySource[f.Source] = append(bySource[f.Source], f)
		used[strings.ToLower(f.Path)] = true
	}
	claimed := map[string]bool{}
	for _, r := range recordings {
		it := item{rec: r}
		if i := slices.IndexFunc(bySource[r.Path], func(f File) bool { return fits(f, r) }); i >= 0 {
			it.file = bySource[r.Path][i]
			claimed[it.file.Path] = true
		} else {
			it.file = File{Path: used.take(recordingPath(r), ending(r.Kind)), Channel: r.Channel, Start: Wall{r.Start}, End: Wall{r.End}, Kind: r.Kind, Source: r.Path}
		}
		it.file.Growing = e.now.growing(r)
		e.items = append(e.items, it)
	}
	var rest []item
	for path, f := range k.files {
		if !claimed[path] {
			rest = append(rest, item{file: f})
		}
	}
	if err := e.hashKnown(ctx, rest); err != nil {
		return err
	}
	if err := e.carry(rest, k.manifest); err != nil {
		return err
	}
	return e.hashKnown(ctx, e.items)
}

// fits reports whether a file that is there is that very recording. One that
// went on since is another.
func fits(f File, r rekey.Recording) bool {
	return f.Channel == r.Channel && f.Start.Equal(r.Start) && f.End.Equal(r.End) && f.Kind == r.Kind && (r.Size == 0 || r.Size == f.Size)
}

// hashKnown marks the files that are whole.
func (e *export) hashKnown(ctx context.Context, items []item) error {
	return each(ctx, e.opt.Parallel, items, func(ctx context.Context, it *item, buf []byte) error {
		if it.file.SHA256 == "" {
			return nil
		}
		size, sum, err := e.folder.hash(ctx, it.file.Path, buf)
		it.whole = err == nil && size == it.file.Size && sum == it.file.SHA256
		return ctx.Err()
	})
}

// carry takes over the files that only the folder still has.
func (e *export) carry(rest []item, complete bool) error {
	var damaged []string
	for _, it := range rest {
		if it.whole {
			e.carried = append(e.carried, it.file)
		} else if complete {
			damaged = append(damaged, it.file.Path)
		}
	}
	if len(damaged) > 0 {
		return fmt.Errorf("footage folder %s: %w: saved before, now missing or changed, and no longer on the recorder: %s; name another folder for this export", e.folder.dir, rekey.ErrVerify, some(damaged))
	}
	return nil
}

// missing is how many bytes are to be fetched, as far as the recorder tells sizes.
func (e *export) missing() int64 {
	var n int64
	for _, it := range e.items {
		if !it.whole {
			n += it.rec.Size
		}
	}
	return n
}

// begin turns the folder into that of an unfinished export.
func (e *export) begin(k known) (err error) {
	whole := slices.Clone(e.carried)
	for _, it := range e.items {
		e.told.AllFiles++
		if it.whole {
			whole = append(whole, it.file)
			e.told.Files, e.told.Kept = e.told.Files+1, e.told.Kept+1
			e.told.Bytes += it.file.Size
			e.told.AllBytes += it.file.Size
		} else {
			e.told.AllBytes += it.rec.Size
		}
	}
	from, to := e.span(k)
	e.journal, err = e.folder.startJournal(journalHead{Format: journalFormat, Version: journalVersion, Recorder: recorderKey(e.opt.Recorder), From: from, To: to}, whole)
	if err != nil {
		return err
	}
	if k.manifest {
		err = errors.Join(e.folder.root.Remove(ManifestName), e.folder.syncDir("."))
	}
	if err != nil {
		return fmt.Errorf("footage folder %s: %w: %w", e.folder.dir, rekey.ErrStorage, err)
	}
	return nil
}

// span is what all exports into this folder asked for.
func (e *export) span(k known) (from, to Wall) {
	from, to = Wall{e.opt.From}, Wall{e.opt.To}
	if !k.from.IsZero() && k.from.Before(from.Time) {
		from = k.from
	}
	if k.to.After(to.Time) {
		to = k.to
	}
	return from, to
}

// finish writes the manifest, when everything that it lists is on stable storage.
func (e *export) finish(k known, s savedSettings) (Manifest, error) {
	m := Manifest{
		Format: ManifestFormat, Version: ManifestVersion, Made: e.opt.Now().UTC(), Recorder: e.opt.Recorder,
		Files: e.carried, Settings: s.now, EarlierSettings: s.earlier, SettingsNote: s.note,
	}
	m.From, m.To = e.span(k)
	for _, it := range e.items {
		if it.left != "" {
			m.LeftOut = append(m.LeftOut, LeftOut{Channel: it.rec.Channel, Start: Wall{it.rec.Start}, End: Wall{it.rec.End}, Source: it.rec.Path, Why: it.left})
			continue
		}
		m.Files = append(m.Files, it.file)
	}
	slices.SortFunc(m.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	for _, f := range m.Files {
		m.Bytes += f.Size
	}
	root, err := m.root()
	if err != nil {
		return Manifest{}, fmt.Errorf("footage manifest: %w", err)
	}
	m.MerkleRoot = root
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return Manifest{}, fmt.Errorf("footage manifest: %w", err)
	}
	f := e.folder
	err = f.sync()
	if err == nil {
		err = f.replace(ManifestName, append(text, '\n'))
	}
	if err == nil {
		err = f.syncDir(".")
	}
	if err == nil {
		err = errors.Join(e.journal.close(), f.root.Remove(journalName))
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("footage folder %s: %w: %w", f.dir, rekey.ErrStorage, err)
	}
	return m, nil
}

// each calls do for every item, several at a time, each caller with a buffer of
// its own. The first error ends it.
func each(ctx context.Context, parallel int, items []item, do func(context.Context, *item, []byte) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan *item)
	var workers sync.WaitGroup
	for range min(parallel, len(items)) {
		workers.Go(func() {
			buf := make([]byte, bufferSize)
			for it := range next {
				if err := do(ctx, it, buf); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range items {
		select {
		case next <- &items[i]:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}

// advance counts bytes and files, and tells about once a megabyte.
func (e *export) advance(bytes int64, finished string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told.Bytes += bytes
	e.silent += bytes
	if finished != "" {
		e.told.Files++
		e.told.File = finished
	}
	if e.opt.Progress != nil && (finished != "" || e.silent >= 1<<20) {
		e.silent = 0
		e.opt.Progress(e.told)
	}
}

// leave takes one recording out of what is to come.
func (e *export) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told.AllFiles--
	if e.opt.Progress != nil {
		e.opt.Progress(e.told)
	}
}

// some names the first few.
func some(paths []string) string {
	const most = 5
	slices.Sort(paths)
	if len(paths) <= most {
		return strings.Join(paths, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(paths[:most], ", "), len(paths)-most)
}

func hexSum(sum []byte) string { return hex.EncodeToString(sum) }
