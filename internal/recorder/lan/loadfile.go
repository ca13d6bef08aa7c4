package lan

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"rekey"
	"rekey/internal/recorder"
)

const (
	filePrefix   = "/RPC_Loadfile/"
	maxDownloads = 16
	// slowest is the rate below which a download is cut off, so that a client
	// that reads nothing does not hold its slot for ever.
	slowest = 64 << 10 // bytes a second
)

// serveSessionFile is the download of the web page: the session of /RPC2 comes
// in a cookie, under one of the names that web clients of the family use.
func (l *lan) serveSessionFile(w http.ResponseWriter, r *http.Request) {
	l.tidy()
	s := l.cookieSession(r)
	if s == nil {
		writeCGI(w, http.StatusUnauthorized, "Invalid Authority!\r\n")
		return
	}
	l.serveFile(w, r, s.account, strings.TrimPrefix(r.URL.Path, filePrefix))
	l.sessions.touch(s.id)
}

func (l *lan) cookieSession(r *http.Request) *session {
	for _, name := range []string{"WebClientSessionID", "DWebClientSessionID", "DhWebClientSessionID", sessionCookie} {
		if cookie, err := r.Cookie(name); err == nil {
			if s := l.sessions.get(cookie.Value); s != nil {
				return s
			}
		}
	}
	return nil
}

// serveFile sends one recording to an account that may see it and take it away,
// for as long as it may. path is the recorder's name for it; clients send it with
// or without the slash that it begins with.
func (l *lan) serveFile(w http.ResponseWriter, r *http.Request, account, path string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		writeCGI(w, http.StatusNotImplemented, "Error\r\nNot Implemented!\r\n")
		return
	}
	epoch := l.box.Epoch(account)
	may := func() bool {
		return l.box.Epoch(account) == epoch && l.may(account, recorder.RightPlayback, recorder.RightBackup)
	}
	if !may() {
		writeCGI(w, errAuthority.status, errAuthority.body)
		return
	}
	select {
	case l.downloads <- struct{}{}:
		defer func() { <-l.downloads }()
	default:
		writeCGI(w, http.StatusServiceUnavailable, "Resource is limited, open video failed!\r\n")
		return
	}
	f, clip, err := l.footage.Open("/" + strings.TrimLeft(path, "/"))
	if errors.Is(err, rekey.ErrNotFound) {
		writeCGI(w, http.StatusNotFound, "Error\r\nNot Found!\r\n")
		return
	}
	if errors.Is(err, rekey.ErrDenied) { // sealed
		writeCGI(w, errAuthority.status, errAuthority.body)
		return
	}
	if err != nil {
		l.log.ErrorContext(r.Context(), "open a recording", "error", err)
		writeCGI(w, http.StatusInternalServerError, "Error\r\nInternal Error!\r\n")
		return
	}
	defer f.Close() //nolint:errcheck // only read
	deadline := time.Now().Add(answerTimeout + time.Duration(clip.Size/slowest)*time.Second)
	_ = http.NewResponseController(w).SetWriteDeadline(deadline) // without one the server's holds
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "no-store")
	http.ServeContent(w, r, "", time.Time{}, watched{f, may}) // ranges included
}

// watched is a recording that ends where whoever reads it may do so no longer.
type watched struct {
	io.ReadSeeker
	may func() bool
}

func (w watched) Read(p []byte) (int, error) {
	if !w.may() {
		return 0, errAuthority
	}
	return w.ReadSeeker.Read(p)
}
