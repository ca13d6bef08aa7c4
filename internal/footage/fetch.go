package footage

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"

	"rekey"
)

// bufferSize is what one file holds in memory; it stays in a processor's cache.
const bufferSize = 256 << 10

// untoldLimit bounds a recording whose size the recorder does not tell.
const untoldLimit int64 = 64 << 30

// fetchAll fetches what is missing. Recordings that are not what the recorder
// said they are do not keep it from the others; any other failure ends it.
func (e *export) fetchAll(ctx context.Context) error {
	var (
		mu    sync.Mutex
		wrong []error
	)
	e.slots = make(chan struct{}, e.opt.Parallel)
	err := each(ctx, 2*e.opt.Parallel, e.items, func(ctx context.Context, it *item, buf []byte) error {
		if it.whole {
			return nil
		}
		err := e.fetch(ctx, it, buf)
		if !errors.Is(err, rekey.ErrVerify) {
			return err
		}
		if it.file.Growing {
			it.left = "the recorder was still writing it, and did not give it whole"
			e.leave()
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		wrong = append(wrong, err)
		return nil
	})
	if err != nil {
		return fmt.Errorf("save footage: %w", err)
	}
	if len(wrong) > 0 {
		const most = 5
		return fmt.Errorf("save footage: %d of %d recordings are not whole, all others are saved; run again, or end the span before a recording that goes on: %w",
			len(wrong), len(e.items), errors.Join(wrong[:min(most, len(wrong))]...))
	}
	return nil
}

// fetch saves one recording: downloaded into a part file and hashed, synced,
// noted, renamed. Only the download holds one of the few downloads at a time;
// the disk syncs meanwhile.
func (e *export) fetch(ctx context.Context, it *item, buf []byte) error {
	part := it.file.Path + partEnding
	out, err := e.folder.create(part)
	if err == nil {
		it.file.Size, it.file.SHA256, err = e.download(ctx, it, out, buf)
		if err == nil {
			err = out.Sync()
		}
		err = errors.Join(err, out.Close())
	}
	if err == nil {
		err = errors.Join(e.journal.add(it.file), e.folder.root.Rename(part, it.file.Path))
	}
	if err != nil {
		_ = e.folder.root.Remove(part) // a leftover is removed by the next export
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("recording %s (%.120q): %w", it.file.Path, it.rec.Path, ofKind(err, rekey.ErrStorage))
	}
	it.whole = true
	e.advance(0, it.file.Path)
	return nil
}

// download copies the recording into out and hashes it on the way.
func (e *export) download(ctx context.Context, it *item, out io.Writer, buf []byte) (size int64, sum string, err error) {
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-ctx.Done():
		return 0, "", context.Cause(ctx)
	}
	body, err := e.src.OpenRecording(ctx, it.rec)
	if err != nil {
		return 0, "", ofKind(err, rekey.ErrUnreachable)
	}
	stop := context.AfterFunc(ctx, func() { _ = body.Close() }) // ends a read that hangs
	defer func() {
		if stop() {
			_ = body.Close() // only read from
		}
	}()
	hash := sha256.New()
	limit := cmp.Or(it.rec.Size, untoldLimit)
	content := io.Reader(body)
	if it.file.Growing {
		content = io.LimitReader(body, limit) // what came after the listing is of the next export
	}
	size, err = e.copy(out, hash, content, limit, buf)
	switch {
	case err != nil:
		return 0, "", err
	case size == 0:
		return 0, "", fmt.Errorf("%w: the recorder sent nothing", rekey.ErrVerify)
	case it.rec.Size > 0 && size != it.rec.Size:
		return 0, "", fmt.Errorf("%w: the recorder told %d bytes and sent %d", rekey.ErrVerify, it.rec.Size, size)
	}
	return size, hexSum(hash.Sum(nil)), nil
}

// copy tells failures of the disk from those of the recorder.
func (e *export) copy(out, hash io.Writer, body io.Reader, limit int64, buf []byte) (size int64, err error) {
	for {
		n, rerr := fill(body, buf)
		size += int64(n)
		if size > limit {
			return size, fmt.Errorf("%w: the recorder sends more than the %d bytes that it may be", rekey.ErrVerify, limit)
		}
		_, _ = hash.Write(buf[:n]) // never fails, by its contract
		if _, err := out.Write(buf[:n]); err != nil {
			return size, fmt.Errorf("%w: %w", rekey.ErrStorage, err)
		}
		e.advance(int64(n), "")
		if errors.Is(rerr, io.EOF) {
			return size, nil
		}
		if rerr != nil {
			return size, fmt.Errorf("broke off after %d bytes: %w", size, ofKind(rerr, rekey.ErrUnreachable))
		}
	}
}

// ofKind gives an error that is of no kind yet the usual one of its place.
func ofKind(err, usual error) error {
	for _, kind := range []error{
		rekey.ErrStorage, rekey.ErrUnreachable, rekey.ErrVerify, rekey.ErrDenied, rekey.ErrLocked, rekey.ErrBudget,
		rekey.ErrUnsupported, rekey.ErrNotFound, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, kind) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", usual, err)
}

// fill reads until the buffer is full. Unlike io.ReadFull it returns the
// reader's own error, io.ErrUnexpectedEOF of a cut body included.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}

// hash reads a file of the folder.
func (f *folder) hash(ctx context.Context, name string, buf []byte) (size int64, sum string, err error) {
	in, err := f.root.Open(name)
	if err != nil {
		return 0, "", err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	h := sha256.New()
	for {
		if err := ctx.Err(); err != nil {
			return 0, "", err
		}
		n, err := in.Read(buf)
		_, _ = h.Write(buf[:n])
		size += int64(n)
		if errors.Is(err, io.EOF) {
			return size, hexSum(h.Sum(nil)), nil
		}
		if err != nil {
			return 0, "", err
		}
	}
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hexSum(sum[:])
}
