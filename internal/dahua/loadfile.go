package dahua

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"rekey"
	"rekey/internal/transport"
)

// OpenRecording streams one recording: with the RPC session where there is one,
// else by CGI. An answer without content is an error here, not an empty file.
func (s *session) OpenRecording(ctx context.Context, r rekey.Recording) (io.ReadCloser, error) {
	if !strings.HasPrefix(r.Path, "/") || strings.ContainsAny(r.Path, "\x00\r\n") {
		return nil, fmt.Errorf("%w: %q is no path of a recording", rekey.ErrInput, clean(r.Path))
	}
	path := transport.EscapePath(r.Path)
	if s.rpc != nil {
		body, err := load(ctx, s.rpc.http, transport.Request{Path: "/RPC_Loadfile" + path, Cookie: s.rpc.fileCookies()}, nil)
		if err == nil {
			s.rpc.loads.Store(true)
		}
		switch {
		case !errors.Is(err, errNoLoadfile):
			return body, err
		case s.rpc.loads.Load(): // others came by this door: no reason to log in at another one
			return nil, &refusedError{kind: rekey.ErrNotFound, host: s.at.Address(), what: theDownload, said: "it gives others, but not this one"}
		}
	}
	c, err := s.web(ctx)
	if err != nil {
		return nil, err
	}
	body, err := load(ctx, c.http, transport.Request{Path: "/cgi-bin/RPC_Loadfile" + path, Digest: c.digest}, c.judge)
	if errors.Is(err, errNoLoadfile) {
		return nil, fmt.Errorf("%w: %s gives no recordings by RPC_Loadfile", rekey.ErrUnsupported, c.host())
	}
	return body, err
}

// errNoLoadfile: this door does not give recordings.
var errNoLoadfile = errors.New("no RPC_Loadfile at this door")

// fileCookies name the session to the download; which one is read varies.
func (r *rpc) fileCookies() []*http.Cookie {
	session := strings.Trim(string(r.session), `"`)
	cookies := append([]*http.Cookie{}, r.cookies...)
	for _, name := range []string{"WebClientSessionID", "DWebClientSessionID", "DhWebClientSessionID"} {
		cookies = append(cookies, &http.Cookie{Name: name, Value: session})
	}
	return cookies
}

// judge reads a refusal of the login out of an answer; nil: no login was sent.
type judge func(transport.Response) error

func load(ctx context.Context, c *transport.Client, r transport.Request, by judge) (io.ReadCloser, error) {
	stream, err := c.Stream(ctx, r)
	if err != nil {
		return nil, err
	}
	host := c.At().Address()
	if stream.Status != http.StatusOK {
		err = refusedLoad(host, stream, by)
		return nil, errors.Join(err, stream.Body.Close())
	}
	if by != nil {
		if err := by(answerOf(stream, nil)); err != nil {
			return nil, errors.Join(err, stream.Body.Close())
		}
	}
	content, err := unwrap(host, stream)
	if err != nil {
		return nil, errors.Join(err, stream.Body.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{content, stream.Body}, nil
}

func answerOf(s *transport.Stream, head []byte) transport.Response {
	return transport.Response{Status: s.Status, Header: s.Header, Body: head, Signed: s.Signed}
}

// refusedLoad reads why no recording comes.
func refusedLoad(host string, stream *transport.Stream, by judge) error {
	head, err := io.ReadAll(io.LimitReader(stream.Body, 4<<10))
	if err != nil {
		return err
	}
	if by != nil {
		if err := by(answerOf(stream, head)); err != nil {
			return err
		}
		return cgiRefusal(host, theDownload, stream.Status, head)
	}
	switch stream.Status {
	case http.StatusNotFound, http.StatusNotImplemented, http.StatusUnauthorized, http.StatusForbidden:
		return errNoLoadfile
	}
	return cgiRefusal(host, theDownload, stream.Status, head)
}

// theDownload names the request in errors.
const theDownload = "the download of a recording"

// broken tells a break-off as rekey.ErrUnreachable, whichever wrapper it came in.
type broken struct {
	content io.Reader
	host    string
}

func (b *broken) Read(p []byte) (int, error) {
	n, err := b.content.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, rekey.ErrUnreachable) {
		err = &oddAnswer{host: b.host, what: theDownload, why: "it breaks off: " + clean(err.Error())}
	}
	return n, err
}

// unwrap makes sure that a recording comes, and takes it out of its wrapper.
func unwrap(host string, stream *transport.Stream) (io.Reader, error) {
	content := io.Reader(stream.Body)
	kind, params, _ := mime.ParseMediaType(stream.Header.Get("Content-Type"))
	if strings.HasPrefix(kind, "multipart/") && params["boundary"] != "" {
		part, err := payload(multipart.NewReader(stream.Body, params["boundary"]))
		if err != nil {
			return nil, &oddAnswer{host: host, what: theDownload, why: err.Error()}
		}
		content = part
	}
	buffered := bufio.NewReader(&broken{content: content, host: host})
	if err := looksRecorded(buffered, kind, host); err != nil {
		return nil, err
	}
	return buffered, nil
}

// looksRecorded looks at the first bytes: recorders put errors there.
func looksRecorded(content *bufio.Reader, kind, host string) error {
	head, err := content.Peek(64)
	switch {
	case len(head) == 0 && (err == nil || errors.Is(err, io.EOF)):
		return &oddAnswer{host: host, what: theDownload, why: "it is empty"}
	case err != nil && !errors.Is(err, io.EOF):
		return err
	case bytes.HasPrefix(head, []byte("Resource is limited")):
		return &refusedError{kind: rekey.ErrConflict, host: host, what: theDownload, said: clean(string(head)) + "; too many are open, try again later"}
	case kind == "text/html", bytes.HasPrefix(head, []byte("Error\r")), bytes.HasPrefix(head, []byte("Error\n")):
		return &refusedError{kind: rekey.ErrDenied, host: host, what: theDownload, said: clean(string(head))}
	}
	return nil
}

// payload is the part with the recording. A JSON part before it tells the
// status; the payload part may be a whole HTTP answer with its own head.
func payload(parts *multipart.Reader) (io.Reader, error) {
	for range 8 {
		part, err := parts.NextRawPart()
		if err != nil {
			return nil, errors.New("its wrapper holds no recording")
		}
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if strings.HasSuffix(kind, "json") {
			if err := wrapperStatus(part); err != nil {
				return nil, err
			}
			continue
		}
		buffered := bufio.NewReader(part)
		if head, _ := buffered.Peek(7); kind == "application/http" && string(head) == "HTTP/1." {
			return inner(buffered)
		}
		return buffered, nil
	}
	return nil, errors.New("its wrapper has too many parts")
}

// wrapperStatus reads the JSON part.
func wrapperStatus(part io.Reader) error {
	raw, err := io.ReadAll(io.LimitReader(part, 64<<10))
	if err != nil {
		return errors.New("its wrapper is cut off")
	}
	var told struct {
		Result *bool `json:"result"`
	}
	if json.Unmarshal(raw, &told) == nil && told.Result != nil && !*told.Result {
		return errors.New("the recorder says that it failed")
	}
	return nil
}

// inner is the body of a wrapped HTTP answer.
func inner(r *bufio.Reader) (io.Reader, error) {
	res, err := http.ReadResponse(r, nil) //nolint:bodyclose // it reads from r, which the caller closes
	if err != nil {
		return nil, errors.New("the wrapped answer cannot be read")
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the wrapped answer has HTTP status %d", res.StatusCode)
	}
	return res.Body, nil
}

var _ rekey.RecordingOpener = (*session)(nil)
