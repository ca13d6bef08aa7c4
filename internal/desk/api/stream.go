package api

import (
	"net/http"
	"time"
)

// streamTime is how long a client may take for one piece of a stream.
const streamTime = 20 * time.Second

// stream writes a long answer. Its headers leave with the first byte, so that
// until then the request can still be refused.
type stream struct {
	w          http.ResponseWriter
	kind, name string
	begun      bool
}

func (s *stream) begin() {
	if s.begun {
		return
	}
	s.begun = true
	h := s.w.Header()
	h.Set("Content-Type", s.kind)
	if s.name != "" {
		h.Set("Content-Disposition", `attachment; filename="`+s.name+`"`)
	}
	s.w.WriteHeader(http.StatusOK)
}

// Write implements io.Writer.
func (s *stream) Write(b []byte) (int, error) {
	s.begin()
	if err := http.NewResponseController(s.w).SetWriteDeadline(time.Now().Add(streamTime)); err != nil {
		return 0, err
	}
	return s.w.Write(b)
}
