package footage

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"rekey"
)

// Export against fetching the same bytes one after the other and writing them:
// bare, and with what an export must do besides.
func BenchmarkExport(b *testing.B) {
	site := newBox(b, 2, 4, 32<<20)
	var total int64
	for _, r := range site.recordings {
		total += r.Size
	}
	b.Run("export", func(b *testing.B) {
		b.SetBytes(total)
		for b.Loop() {
			if _, err := Export(b.Context(), site, b.TempDir(), options); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, safe := range map[string]bool{"plain copy": false, "plain copy, hashed and synced": true} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(total)
			for b.Loop() {
				dir := b.TempDir()
				for i, r := range site.recordings {
					if err := plainCopy(b.Context(), site, r, filepath.Join(dir, fmt.Sprint(i)), safe); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func plainCopy(ctx context.Context, site *box, r rekey.Recording, name string, safe bool) error {
	body, err := site.OpenRecording(ctx, r)
	if err != nil {
		return err
	}
	out, err := os.Create(name)
	if err != nil {
		return errors.Join(err, body.Close())
	}
	if safe {
		_, err = io.Copy(io.MultiWriter(out, sha256.New()), body)
		err = errors.Join(err, out.Sync())
	} else {
		_, err = io.Copy(out, body)
	}
	return errors.Join(err, out.Close(), body.Close())
}
