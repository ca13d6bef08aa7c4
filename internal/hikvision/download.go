package hikvision

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"rekey"
	"rekey/internal/transport"
)

// pathDownload gives a recording: a GET with a body, as the maker's guide has it.
const pathDownload = "/ISAPI/ContentMgmt/download"

// OpenRecording streams one recording by the address that the search told. An
// answer without content is an error here, not an empty file.
func (s *session) OpenRecording(ctx context.Context, r rekey.Recording) (io.ReadCloser, error) {
	if err := playable(r.Path); err != nil {
		return nil, fmt.Errorf("%w: %q is no address of a recording", rekey.ErrInput, transport.Printable(r.Path))
	}
	w, err := s.web(ctx)
	if err != nil {
		return nil, err
	}
	body := `<?xml version="1.0" encoding="UTF-8"?>` + "\n<downloadRequest><playbackURI>" + escape(r.Path) + "</playbackURI></downloadRequest>"
	stream, err := w.http.Stream(ctx, transport.Request{Path: pathDownload, Type: xmlType, Body: []byte(body), Digest: w.digest, Once: true})
	if err != nil {
		return nil, err
	}
	content, err := w.content(stream)
	if err != nil {
		return nil, errors.Join(err, stream.Body.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{content, stream.Body}, nil
}

// content makes sure that a recording comes.
func (w *web) content(stream *transport.Stream) (io.Reader, error) {
	buffered := bufio.NewReader(stream.Body)
	kind, _, _ := mime.ParseMediaType(stream.Header.Get("Content-Type"))
	head, err := buffered.Peek(64)
	says := strings.HasSuffix(kind, "xml") || strings.HasSuffix(kind, "json") || kind == "text/html" || bytes.HasPrefix(bytes.TrimSpace(head), []byte("<"))
	if stream.Status != http.StatusOK || says {
		body, err := io.ReadAll(io.LimitReader(buffered, 64<<10))
		if err != nil {
			return nil, err
		}
		if err := w.judge(stream.Status, stream.Signed, body); err != nil {
			return nil, err
		}
		return nil, w.noContent(stream, body)
	}
	switch {
	case len(head) == 0 && (err == nil || errors.Is(err, io.EOF)):
		return nil, &oddAnswer{host: w.host(), what: pathDownload, why: "it is empty"}
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	case !stream.Signed:
		return nil, w.unsigned(transport.Response{Status: stream.Status}, pathDownload)
	}
	return buffered, w.judge(stream.Status, true, nil)
}

// noContent is what came in place of a recording.
func (w *web) noContent(stream *transport.Stream, body []byte) error {
	if !stream.Signed {
		return w.unsigned(transport.Response{Status: stream.Status, Header: stream.Header, Body: body}, pathDownload)
	}
	if stream.Status == http.StatusOK {
		if v, is := verdictOf(body); is && kindOf(http.StatusBadRequest, v) != nil {
			return refusal(w.host(), pathDownload, http.StatusBadRequest, body)
		}
		return &oddAnswer{host: w.host(), what: pathDownload, why: "a page in place of a recording"}
	}
	return refusal(w.host(), pathDownload, stream.Status, body)
}

var _ rekey.RecordingOpener = (*session)(nil)
