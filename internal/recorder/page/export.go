package page

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"rekey/internal/recorder/say"

	"rekey/internal/recorder"
	"rekey/internal/recorder/clips"
)

// Bounds of one ZIP file. What is more is fetched in several.
const (
	maxZipFiles = 2000
	maxZipBytes = 8 << 30
)

const stretchLayout = "2006-01-02T15:04" // of an input of the type datetime-local

// stretch reads camera (0 = all), from and to.
func (p *page) stretch(r *http.Request) (camera int, from, to time.Time, err error) {
	q := r.URL.Query()
	if camera, err = strconv.Atoi(q.Get("camera")); err != nil || camera < 0 || camera > p.box.Info().Channels {
		return 0, from, to, &say.BadForm{Text: "Choose a camera, or all of them."}
	}
	if from, err = time.Parse(stretchLayout, q.Get("from")); err != nil {
		return 0, from, to, &say.BadForm{Text: "Say when the stretch begins: day and time, such as 2026-01-31 08:00."}
	}
	if to, err = time.Parse(stretchLayout, q.Get("to")); err != nil {
		return 0, from, to, &say.BadForm{Text: "Say when the stretch ends: day and time, such as 2026-01-31 09:00."}
	}
	if !from.Before(to) {
		return 0, from, to, &say.BadForm{Text: "The stretch ends before it begins."}
	}
	return camera, from, to, nil
}

func checkZip(all []clips.Clip) error {
	var bytes int64
	for _, c := range all {
		bytes += c.Size
	}
	switch {
	case len(all) == 0:
		return &say.BadForm{Text: "There is no recording in that stretch."}
	case len(all) > maxZipFiles || bytes > maxZipBytes:
		return &say.BadForm{Text: fmt.Sprintf("That stretch has %d recordings of %s. Choose a shorter one, or one camera.", len(all), size(bytes))}
	}
	return nil
}

// zip sends the recordings of a stretch, each as a whole, and their SHA-256 in
// the file SHA256SUMS, which sha256sum -c reads.
func (p *page) zip(w http.ResponseWriter, r *http.Request, s *session) {
	camera, from, to, err := p.stretch(r)
	if err != nil {
		p.respondRecordings(w, r, s, err)
		return
	}
	all, err := p.o.Footage.Find(camera, from, to)
	if err == nil {
		err = checkZip(all)
	}
	if err != nil {
		p.respondRecordings(w, r, s, err)
		return
	}
	free, ok := p.transfer(w, r)
	if !ok {
		return
	}
	defer free()
	name := fmt.Sprintf("recordings-%s-to-%s.zip", from.Format("20060102-1504"), to.Format("20060102-1504"))
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	if r.Method == http.MethodHead || !p.taken(w, r, s, "stretch", map[string]string{"channel": strconv.Itoa(camera), "from": from.Format(time.DateTime), "to": to.Format(time.DateTime), "files": strconv.Itoa(len(all))}) {
		return
	}
	may := p.watching(r, s, recorder.RightBackup)
	if err := p.pack(w, all, may); err != nil {
		if p.o.Log != nil {
			p.o.Log.WarnContext(r.Context(), "a download of recordings was cut off", "error", err)
		}
		panic(http.ErrAbortHandler) // half a file must not look like a whole one
	}
}

// pack ends early when may says no.
func (p *page) pack(w http.ResponseWriter, all []clips.Clip, may func() bool) error {
	out := zip.NewWriter(w)
	var sums strings.Builder
	for _, c := range all {
		hold(w, c.Size)
		sum, err := p.packOne(out, c, may)
		if err != nil {
			return fmt.Errorf("pack %s: %w", c.Path, err)
		}
		fmt.Fprintf(&sums, "%s  %s\n", sum, fileName(c))
	}
	into, err := out.Create("SHA256SUMS")
	if err != nil {
		return err
	}
	if _, err := io.WriteString(into, sums.String()); err != nil {
		return err
	}
	return out.Close()
}

func (p *page) packOne(out *zip.Writer, c clips.Clip, may func() bool) (sum string, err error) {
	f, _, err := p.o.Footage.Open(c.Path)
	if err != nil {
		return "", err
	}
	defer f.Close()                                                                                       // only read
	into, err := out.CreateHeader(&zip.FileHeader{Name: fileName(c), Method: zip.Store, Modified: c.End}) // video does not get smaller
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(into, h), watched{f, may})
	return hex.EncodeToString(h.Sum(nil)), err
}

// size says bytes as people do.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d KiB", (n+1023)/1024)
}
