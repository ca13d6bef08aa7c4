package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"rekey"
	"rekey/internal/desk"
)

// mostKey bounds an Idempotency-Key.
const mostKey = 200

// actTime bounds what a request with a key does, as it goes on when its client is gone.
const actTime = time.Minute

// once runs a request: where it has an Idempotency-Key, only the first time
// (RFC draft draft-ietf-httpapi-idempotency-key-header). What has begun goes on
// when the client is gone, so that it can ask again how it ended.
func (s *server) once(c *call, run http.HandlerFunc) {
	key := c.r.Header.Get("Idempotency-Key")
	if key == "" || !c.rt.keyed {
		run(c.w, c.r)
		return
	}
	key, err := parseKey(key)
	if err != nil {
		s.refuse(c.w, c.r, s.unusable(c, err))
		return
	}
	request, err := wholeRequest(c.r)
	if err != nil {
		s.refuse(c.w, c.r, err)
		return
	}
	before, err := s.desk.BeginRequest(c.r.Context(), subject(c.who), key, request)
	switch {
	case err != nil:
		s.refuse(c.w, c.r, err)
	case before != nil:
		s.again(c, *before)
	default:
		s.runOnce(c, key, run)
	}
}

func (s *server) runOnce(c *call, key string, run http.HandlerFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.r.Context()), actTime)
	defer cancel()
	kept := &keeper{ResponseWriter: c.w, answer: desk.RequestAnswer{Status: http.StatusOK}}
	run(kept, c.r.WithContext(ctx))
	kept.answer.ContentType = c.w.Header().Get("Content-Type")
	kept.answer.Body = kept.body.Bytes()
	if c.rt.secret && kept.answer.Status < http.StatusMultipleChoices {
		kept.answer.Body, kept.answer.Told = nil, true
	}
	if err := s.desk.EndRequest(ctx, subject(c.who), key, kept.answer); err != nil {
		// The client has its answer; a repeat is refused as one that is under way.
		s.desk.Log().Error("the answer to a request could not be kept for a repeat", "path", c.r.URL.Path, "error", err)
	}
}

// again answers a repeat; with what the act answered only who may still do it.
func (s *server) again(c *call, before desk.RequestAnswer) {
	if before.Status < http.StatusMultipleChoices {
		if err := s.unusable(c, nil); err != nil {
			s.refuse(c.w, c.r, err)
			return
		}
	}
	if before.Told {
		s.refuse(c.w, c.r, fmt.Errorf("%w: this request was carried out before; what it answered is told once and kept nowhere", rekey.ErrConflict))
		return
	}
	if before.ContentType != "" {
		c.w.Header().Set("Content-Type", before.ContentType)
	}
	c.w.Header().Set("Idempotent-Replayed", "true")
	c.w.WriteHeader(before.Status)
	_, _ = c.w.Write(before.Body) // the client may be gone
}

// parseKey reads the header, a string of RFC 9651 or the bare text of one.
func parseKey(header string) (string, error) {
	key := header
	if inner, ok := strings.CutPrefix(header, `"`); ok {
		key, ok = strings.CutSuffix(inner, `"`)
		if !ok {
			key = ""
		}
	}
	bad := func(r rune) bool { return r < 0x21 || r > 0x7e || r == '"' || r == '\\' }
	if key == "" || len(key) > mostKey || strings.ContainsFunc(key, bad) {
		return "", fmt.Errorf("%w: Idempotency-Key: expected 1 to %d printable characters without spaces", rekey.ErrInput, mostKey)
	}
	return key, nil
}

// wholeRequest is what a repeat must have in common with the first, and leaves
// the body to be read again.
func wholeRequest(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return append([]byte(r.Method+" "+r.URL.RequestURI()+"\n"), body...), err
}

// keeper keeps an answer while it is sent.
type keeper struct {
	http.ResponseWriter
	answer desk.RequestAnswer
	body   bytes.Buffer
}

// Unwrap is for http.ResponseController.
func (k *keeper) Unwrap() http.ResponseWriter { return k.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (k *keeper) WriteHeader(status int) {
	k.answer.Status = status
	k.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter. It takes everything, whether or not the client is there.
func (k *keeper) Write(b []byte) (int, error) {
	k.body.Write(b)
	_, _ = k.ResponseWriter.Write(b)
	return len(b), nil
}
