package faces

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

// Dahua is the web port of the Dahua family as strangers see it.
type Dahua struct {
	Title   string // of its page; empty: no page
	Digest  string // realm of the digest challenge on CGI; empty: none
	Basic   string // realm of a basic challenge besides or alone
	CGI     func(http.ResponseWriter)
	Init    string // params of DevInit.getStatus; empty: no /OutsideCmd
	Encrypt bool   // offers Security.getEncryptInfo
	RPC2    bool
	Stray   bool // the first answer of each call is a notification
	ONVIF   http.Handler
	Server  string
}

// Pages is the handler of the box.
func (d Dahua) Pages(*Box) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/cgi-bin/", func(w http.ResponseWriter, _ *http.Request) { d.cgi(w) })
	if d.RPC2 {
		mux.HandleFunc("POST /RPC2", d.strays(d.rpc))
		mux.HandleFunc("POST /RPC2_Login", d.login)
	}
	if d.Init != "" || d.Encrypt {
		mux.HandleFunc("POST /OutsideCmd", d.strays(d.outside))
	}
	if d.Title != "" {
		mux.HandleFunc("GET /{$}", page(d.Title, d.Server))
	}
	if d.ONVIF != nil {
		mux.Handle("/onvif/", d.ONVIF)
	}
	return mux
}

// page is a front page with a title.
func page(title, server string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if server != "" {
			w.Header().Set("Server", server)
		}
		w.Header().Set("X-Frame-Options", "SAMEORIGIN")
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>%s</title></head><body></body></html>\n", title)
	}
}

func (d Dahua) cgi(w http.ResponseWriter) {
	if d.CGI != nil {
		d.CGI(w)
		return
	}
	if d.Basic != "" {
		w.Header().Add("WWW-Authenticate", fmt.Sprintf("Basic realm=%q", d.Basic))
	}
	if d.Digest != "" {
		w.Header().Add("WWW-Authenticate", fmt.Sprintf(`Digest realm=%q,qop="auth",nonce=%q, opaque="", stale="false"`, d.Digest, nonce(32)))
	}
	if len(w.Header()) == 0 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Connection", "close")
	w.WriteHeader(http.StatusUnauthorized)
}

// invalidAuthority is what a box in factory state says to every CGI.
func invalidAuthority(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain;charset=utf-8")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, "Invalid Authority!\r\n")
}

// lockedOut is what a box that is locked says to anybody.
func lockedOut(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain;charset=utf-8")
	w.WriteHeader(http.StatusForbidden)
	_, _ = io.WriteString(w, `{"ErrorCode":268632081,"Result":false,"RmLock":1800,"RmLogin":0}`)
}

// call is a request by JSON RPC.
type call struct {
	Method string          `json:"method"`
	ID     json.RawMessage `json:"id"`
}

// strays sends a notification in place of every other answer, where the box does so.
func (d Dahua) strays(answer func(call) string) http.HandlerFunc {
	var calls atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		var c call
		w.Header().Set("Content-Type", "application/json")
		switch {
		case json.NewDecoder(r.Body).Decode(&c) != nil:
			_, _ = io.WriteString(w, `{"error":{"code":268894208,"message":"Parse error!"},"result":false}`)
		case d.Stray && calls.Add(1)%2 == 1:
			_, _ = io.WriteString(w, strayBody)
		default:
			_, _ = io.WriteString(w, fmt.Sprintf(answer(c), cmp.Or(string(c.ID), "0")))
		}
	}
}

// outside is what may be called without a session.
func (d Dahua) outside(c call) string {
	switch {
	case c.Method == "DevInit.getStatus" && d.Init != "":
		return `{"id":%s,"params":` + d.Init + `,"result":true,"session":0}`
	case c.Method == "Security.getEncryptInfo" && d.Encrypt:
		return encryptInfo
	}
	return `{"error":{"code":268894210,"message":"Request method not found!"},"id":%s,"result":false,"session":0}`
}

// rpc is what a call without a session gets.
func (d Dahua) rpc(c call) string {
	if c.Method == "Security.getEncryptInfo" && d.Encrypt {
		return encryptInfo
	}
	return `{"error":{"code":287637505,"message":"Invalid session in request data!"},"id":%s,"result":false,"session":0}`
}

// login is the first step; nobody should take it.
func (d Dahua) login(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintf(w, `{"error":{"code":268632079,"message":"Component error: login challenge!"},"id":1,"params":{"encryption":"Default","mac":"","random":"172359056","realm":%q},"result":false,"session":%q}`, d.Digest, nonce(16))
}

var encryptInfo = `{"id":%s,"params":{"AESPadding":["ZERO","PKCS7"],"asymmetric":"RSA","cipher":["AES","RPAC"],"pub":"N:` +
	strings.Repeat("C3A5D1F7", 32) + `,E:010001","suggestedAsymmetric":"RSA"},"result":true,"session":0}`

func nonce(size int) string {
	raw := make([]byte, size)
	_, _ = rand.Read(raw)
	return hex.EncodeToString(raw)
}
