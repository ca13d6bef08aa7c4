package dahua

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/transport"
)

func TestParseLines(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]lines{
		"deviceType=31\r\nprocessor=ST7108\r\n":             {"deviceType": "31", "processor": "ST7108"},
		"a=b=c d\nx.y[0].z=\n":                              {"a": "b=c d", "x.y[0].z": ""},
		"result = 2011-7-3 21:02:32\r\n":                    {"result": "2011-7-3 21:02:32"},
		"list.info[0].Detail[0].TotalBytes=1495.000000\r\n": {"list.info[0].Detail[0].TotalBytes": "1495.000000"},
		"a=1\r\nstray line\r\nb=2\x00":                      {"a": "1", "b": "2"},
		"":                                                  {},
	} {
		got, err := parseLines([]byte(in))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v: %v", in, got, err)
		}
	}
	for _, in := range []string{"<html><a href=\"x\">", "nothing here"} {
		if _, err := parseLines([]byte(in)); err == nil {
			t.Errorf("%q was read", in)
		}
	}
}

func TestRowsInTheOrderOfTheirIndices(t *testing.T) {
	t.Parallel()
	l := lines{"users[10].Name": "c", "users[2].Name": "b", "users[0].Name": "a", "users[0].R[0]": "x", "users[-1].Name": "no", "users[x].Name": "no", "other[1].Name": "no"}
	var got []string
	for _, r := range l.rows("users") {
		got = append(got, r["Name"]+r["R[0]"])
	}
	if strings.Join(got, " ") != "ax b c" {
		t.Errorf("%v", got)
	}
}

func TestParseStamp(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"2026-09-09 06:24:26": "2026-09-09 06:24:26", "2011-7-3 21:02:32": "2011-07-03 21:02:32",
		"2026-09-09 06:24:26 PM": "2026-09-09 18:24:26", "2026-09-09 18:24:26 PM": "2026-09-09 18:24:26", " 2026-09-09 06:24:26 AM ": "2026-09-09 06:24:26",
	} {
		if got, err := parseStamp(in); err != nil || got.Format(stampForm) != want {
			t.Errorf("%q: %v: %v", in, got, err)
		}
	}
	for _, in := range []string{"", "2026-13-01 00:00:00", "now", "2026-09-09"} {
		if got, err := parseStamp(in); err == nil {
			t.Errorf("%q: %v", in, got)
		}
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("table.General.LockLoginTimes=5\r\nitems[0].FilePath=/mnt/a[M][0@0].dav\r\n"))
	f.Add([]byte("a = b\n=c\n\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		l, err := parseLines(in)
		if err != nil {
			return
		}
		for path, value := range l {
			if path == "" || strings.ContainsAny(path+value, "\n") {
				t.Errorf("%q=%q", path, value)
			}
		}
		l.rows("items")
	})
}

func FuzzReply(f *testing.F) {
	f.Add([]byte(`{"NotifyMethod":"1.2"}{"id":1,"result":true,"session":7}`))
	f.Add([]byte(`{"error":{"code":268632085,"message":"x"},"params":{"remainLoginTimes":2},"result":false}`))
	f.Add([]byte(`{"result":null,"error":null}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		a, err := parseReply(in)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q", err)
			}
			return
		}
		if e := a.loginRefusal("admin"); e != nil && (e.TriesLeft < -1 || e.LockedFor < -1e9) {
			t.Errorf("%+v", e)
		}
		if a.ok() && a.Result == nil {
			t.Error("ok without a result")
		}
		_ = a.refusal("h", "m").Error()
	})
}

func FuzzStamp(f *testing.F) {
	f.Add("2026-1-2 3:4:5 PM")
	f.Fuzz(func(t *testing.T, in string) {
		got, err := parseStamp(in)
		if err != nil {
			return
		}
		if again, err := parseStamp(got.Format(stampForm)); err == nil && got.Nanosecond() == 0 && !again.Equal(got) {
			t.Errorf("%q: %v, then %v", in, got, again)
		}
	})
}

func FuzzLockState(f *testing.F) {
	f.Add([]byte(`{"ErrorCode":268632081,"Result":false,"RmLock":1800,"RmLogin":0}`))
	f.Add([]byte(`{"RmLock":"x"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		e := lockState("admin", in, "")
		if !errors.Is(e, rekey.ErrLocked) && !errors.Is(e, rekey.ErrDenied) {
			t.Errorf("%+v", e)
		}
	})
}

func FuzzForbidden(f *testing.F) {
	f.Add([]byte(`{"ErrorCode":268632081,"Result":false,"RmLock":1800,"RmLogin":0}`))
	f.Add([]byte(`{"ErrorCode":"268632081","RmLock":-5}`))
	f.Add([]byte("Authority:check failure."))
	f.Fuzz(func(t *testing.T, in []byte) {
		v := &visit{}
		v.readForbidden(in, "HTTP 403")
		if l := v.id.Lock; l != nil && (l.For < 0 || l.TriesLeft < -1 || l.From == "") {
			t.Errorf("%+v", l)
		}
		if !v.shut && v.id.Family != family {
			t.Errorf("%+v", v.id)
		}
	})
}

func FuzzVersion(f *testing.F) {
	f.Add("4.001.0000005.0,build:2020-11-17 10:00:00", "")
	f.Add("2.800.15OG004.0.R", "20201019")
	f.Fuzz(func(t *testing.T, told, date string) {
		version, built := readVersion(told, date)
		if strings.ContainsFunc(version, unprintable) || (!built.IsZero() && built.Hour() != 0) {
			t.Errorf("%q %v", version, built)
		}
	})
}

func FuzzPayload(f *testing.F) {
	f.Add([]byte("--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx\r\n--b--\r\n"))
	f.Fuzz(func(_ *testing.T, in []byte) {
		if r, err := payload(multipart.NewReader(bytes.NewReader(in), "b")); err == nil {
			_, _ = io.Copy(io.Discard, r)
		}
	})
}

func FuzzRealm(f *testing.F) {
	f.Add(`Digest realm="Login to XX00TEST",nonce="n"`)
	f.Add(`Basic realm="Device_CGI"`)
	f.Fuzz(func(t *testing.T, header string) {
		var id rekey.Identity
		known := readRealm(&id, transport.Response{Status: 401, Header: http.Header{"Www-Authenticate": {header}}})
		if known != (id.Family == family) || len(id.Serial) > 31 {
			t.Errorf("%t %+v", known, id)
		}
	})
}
