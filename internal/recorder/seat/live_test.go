package seat

import (
	"bufio"
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/clips"
)

func decoded(t *testing.T, data []byte) image.Image {
	t.Helper()
	p, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// lit counts the light points of one camera's part of the screen.
func lit(p image.Image, cell, side int) int {
	count := 0
	for y := range clips.Height {
		for x := range clips.Width {
			r, _, _, _ := p.At(cell%side*clips.Width+x, cell/side*clips.Height+y).RGBA()
			if r > 0x9000 {
				count++
			}
		}
	}
	return count
}

// TestLiveMoves: the answer is a stream of pictures of which none is like the
// one before, and it ends when the recorder is switched off.
func TestLiveMoves(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	n.goes.Store(true)
	p := n.owner(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.base+"/live?view=4&camera=5", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := p.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	kind, params, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/x-mixed-replace" {
		t.Fatalf("%s: %v", kind, err)
	}
	parts := multipart.NewReader(res.Body, params["boundary"])
	var before []byte
	for range 4 {
		part, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		now, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(now, before) {
			t.Error("two pictures are the same")
		}
		if size := decoded(t, now).Bounds().Size(); size != image.Pt(2*clips.Width, 2*clips.Height) {
			t.Errorf("size %v", size)
		}
		before = now
	}
	close(n.off)
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Errorf("the stream does not end with the recorder: %v", err)
	}
}

// TestLiveEnds: who has been away too long sees nothing more, although the
// pictures went on all the time; nor does anybody after a reset.
func TestLiveEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *bench, io.Reader){
		"longest session": func(_ *testing.T, n *bench, _ io.Reader) { n.pass(seatMax) },
		"nobody there": func(t *testing.T, n *bench, pictures io.Reader) {
			n.pass(seatIdle - time.Hour)
			watch(t, pictures, 35) // more than between two looks at the session
			n.pass(2 * time.Hour)
		},
		"reset": func(t *testing.T, n *bench, _ io.Reader) {
			for _, held := range []time.Duration{12 * time.Second, time.Second} {
				if _, err := n.box.Press(held); err != nil {
					t.Error(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			liveEnds(t, end)
		})
	}
}

// watch reads so many pictures.
func watch(t *testing.T, pictures io.Reader, count int) {
	t.Helper()
	in := bufio.NewReader(pictures)
	for count > 0 {
		line, err := in.ReadBytes('\n')
		if err != nil {
			t.Error(err)
			return
		}
		if bytes.HasPrefix(line, []byte("Content-Type: image/jpeg")) {
			count--
		}
	}
}

func liveEnds(t *testing.T, end func(*testing.T, *bench, io.Reader)) {
	t.Helper()
	n := newBench(t, lostPassword)
	p := n.owner(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.base+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := p.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	end(t, n, res.Body)
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Errorf("the stream does not end: %v", err)
	}
}

// TestStill: one picture, an unreachable camera dark, a part without camera black.
func TestStill(t *testing.T) {
	t.Parallel()
	n := benchOf(t, recorder.Config{
		AdminPassword: rekey.NewSecret(lostPassword), Channels: 3,
		Cameras: []recorder.Camera{{Address: "192.0.2.101"}, {Address: "192.0.2.102"}},
	})
	p := n.owner(t)
	p.get("/live.jpg")
	if kind := p.got.header.Get("Content-Type"); p.got.status != 200 || kind != "image/jpeg" {
		t.Fatalf("status %d, %s", p.got.status, kind)
	}
	all := decoded(t, []byte(p.got.body))
	if lit(all, 2, 2) < 500 || lit(all, 3, 2) != 0 {
		t.Errorf("camera 3 has %d light points, the part without one %d", lit(all, 2, 2), lit(all, 3, 2))
	}
	bright := lit(all, 1, 2)
	if err := n.box.SetPassword("admin", "admin", secretOf(lostPassword), secretOf(freshPassword), recorder.AtSeat()); err != nil {
		t.Fatal(err)
	}
	p.get("/live.jpg?view=4&camera=2")
	if dark := lit(decoded(t, []byte(p.got.body)), 1, 2); dark == 0 || dark >= bright {
		t.Errorf("camera 2 takes the login no more and has %d light points, before %d", dark, bright)
	}
	p.send(http.MethodHead, "/live", nil)
	if p.got.status != 200 || p.got.body != "" {
		t.Errorf("HEAD: %d, %d bytes", p.got.status, len(p.got.body))
	}
}

// TestNoPicturesFromOutside: the live view is behind the seat token.
func TestNoPicturesFromOutside(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	for _, path := range []string{"/live", "/live.jpg", "/label.pdf", "/label.svg"} {
		p := n.stranger(t)
		p.get(path).want(200, "enter")
	}
	factory := newBench(t, "")
	p := factory.stranger(t)
	p.post("/enter", "token", factory.token.Reveal()).want(200, "setup")
	p.get("/live.jpg").want(200, "setup")
	p.get("/label").want(200, "label")
	p.get("/label.pdf")
	if !strings.HasPrefix(p.got.body, "%PDF-1.4") || p.got.header.Get("Content-Type") != "application/pdf" {
		t.Errorf("no PDF in factory state: %d %v", p.got.status, p.got.header)
	}
}

// TestTooManyScreens: the live view is one monitor; who opens it again and again
// holds only so many connections.
func TestTooManyScreens(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.owner(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for range maxViewers {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.base+"/live?view=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := p.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		watch(t, res.Body, 1)
	}
	p.get("/live").want(429, "budget")
}
