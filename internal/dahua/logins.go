package dahua

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"rekey"
	"rekey/internal/transport"
)

// Bounds of a search in the recorder's log.
const (
	logPage  = 100 // as many as recorders give at once
	logPages = 500
)

// Logins reads the recorder's own log from since to now, an hour more for a
// clock that runs ahead. The search is ended on the recorder in any case: it has
// few of them. What is no login is passed over.
func (s *session) Logins(ctx context.Context, since time.Time, each func(rekey.LoginRecord) error) error {
	now, err := s.Clock(ctx)
	if err != nil {
		return err
	}
	if first := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC); since.Before(first) { // recorders know no time before
		since = first
	}
	span := [2]string{since.Format(stampForm), now.Add(time.Hour).Format(stampForm)}
	take := func(row map[string]string) error {
		record, is := readLogin(row)
		if !is || record.Time.Before(since.Truncate(time.Second)) {
			return nil
		}
		return each(record)
	}
	return s.either(ctx,
		func(r *rpc) error { return s.searchByRPC(ctx, r, span, take) },
		func(c *cgi) error { return s.searchByCGI(ctx, c, span, take) })
}

func (s *session) searchByRPC(ctx context.Context, r *rpc, span [2]string, take func(map[string]string) error) error {
	var told struct {
		Token json.RawMessage `json:"token"`
	}
	condition := map[string]any{"StartTime": span[0], "EndTime": span[1], "Order": "Ascent"}
	// Asked once: each that was begun and not told of would stay open at the recorder.
	answer, err := r.do(ctx, question{path: pathRPC, method: "log.startFind", params: map[string]any{"condition": condition}, once: true})
	if err == nil {
		err = r.read("log.startFind", answer, &told)
	}
	if err != nil {
		return err
	}
	if told.Token == nil {
		return &oddAnswer{host: s.at.Address(), what: "log.startFind", why: "no token in it"}
	}
	defer s.ended(ctx, func(ctx context.Context) error {
		_, err := r.call(ctx, "log.stopFind", map[string]any{"token": told.Token})
		return err
	})
	offset := 0
	for range logPages {
		var page struct {
			Items []map[string]any `json:"items"`
		}
		if err := r.get(ctx, "log.doSeekFind", map[string]any{"token": told.Token, "offset": offset, "count": logPage}, &page); err != nil {
			return sought(err)
		}
		for _, item := range page.Items {
			row := map[string]string{}
			if err := flatten(item, "", row); err != nil {
				return &oddAnswer{host: s.at.Address(), what: "log.doSeekFind", why: err.Error()}
			}
			if err := take(lowerKeys(row)); err != nil {
				return err
			}
		}
		if len(page.Items) == 0 {
			return nil
		}
		offset += len(page.Items)
	}
	return s.endless()
}

// sought keeps a search that began by RPC2 from going on by CGI: what was told
// already would be told twice.
func sought(err error) error {
	if lacks(err) {
		return &refusedError{kind: rekey.ErrUnsupported, host: "the recorder", what: "log.doSeekFind", said: "it begins a search in its log and cannot go on with it"}
	}
	return err
}

func (s *session) searchByCGI(ctx context.Context, c *cgi, span [2]string, take func(map[string]string) error) error {
	const module = "log.cgi"
	started, err := c.get(ctx, module, "action", "startFind", "condition.StartTime", span[0], "condition.EndTime", span[1])
	if err != nil {
		return err
	}
	token := firstOf(started, "token", "result")
	if token == "" {
		return &oddAnswer{host: s.at.Address(), what: "startFind", why: "no token in it"}
	}
	defer s.ended(ctx, func(ctx context.Context) error { return c.put(ctx, module, "action", "stopFind", "token", token) })
	for range logPages {
		body, err := c.body(ctx, module, "action", "doFind", "token", token, "count", strconv.Itoa(logPage))
		if err != nil {
			return err
		}
		l, err := parseLines(folded(body))
		if err != nil {
			return &oddAnswer{host: s.at.Address(), what: "doFind", why: err.Error()}
		}
		rows := l.rows("items")
		for _, row := range rows {
			if err := take(lowerKeys(row)); err != nil {
				return err
			}
		}
		if len(rows) == 0 {
			return nil
		}
	}
	return s.endless()
}

func (s *session) endless() error {
	return &oddAnswer{host: s.at.Address(), what: "the search in its log", why: "it has no end"}
}

// ended stops a search, even when ctx has ended.
func (s *session) ended(ctx context.Context, stop func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := stop(ctx); err != nil {
		s.log.DebugContext(ctx, "a search in the log was not stopped", slog.String("host", s.at.Address()), slog.Any("error", err))
	}
}

// lineMark stands for a line end within a value.
const lineMark = "\x1f"

// folded puts the lines on which a value goes on behind its first one.
func folded(body []byte) []byte {
	var b strings.Builder
	for line := range strings.Lines(string(body)) {
		line = strings.TrimRight(line, "\r\n\x00")
		if strings.HasPrefix(line, "items[") || strings.HasPrefix(line, "found") {
			b.WriteByte('\n')
		} else {
			b.WriteString(lineMark)
		}
		b.WriteString(line)
	}
	return []byte(b.String())
}

// readLogin reads one record of the log. Firmware calls a login "Login" or
// "Account.LogIn" and a refused one by more words; the words of other languages
// are not known, and such a record is passed over.
func readLogin(row map[string]string) (rekey.LoginRecord, bool) {
	kind := strings.NewReplacer(" ", "", "_", "", "-", "", ".", "").Replace(strings.ToLower(row["type"]))
	if !strings.Contains(kind, "login") {
		return rekey.LoginRecord{}, false
	}
	at, err := logTime(row["time"])
	if err != nil {
		return rekey.LoginRecord{}, false
	}
	details(row)
	record := rekey.LoginRecord{
		Time:    at,
		Account: transport.Printable(firstOf(row, "user", "username", "detail.user", "detail.username", "detail.name")),
		Address: transport.Printable(firstOf(row, "detail.address", "detail.remoteip", "detail.ip", "detail.ipaddress", "address", "remoteip", "logaddress")),
		Client:  transport.Printable(firstOf(row, "detail.clienttype", "detail.type", "detail.logintype", "clienttype")),
	}
	record.OK = !refusal(kind)
	for _, key := range []string{"detail.status", "detail.result", "detail.error", "detail.reason", "detail.type"} {
		record.OK = record.OK && !refusal(strings.ToLower(row[key]))
	}
	return record, true
}

// details takes a detail apart that is a text of "name:value" lines.
func details(row map[string]string) {
	for line := range strings.FieldsFuncSeq(row["detail"], func(r rune) bool { return r == '\n' || r == '\r' || string(r) == lineMark }) {
		name, value, is := strings.Cut(line, ":")
		key := "detail." + strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), " ", "")
		if _, told := row[key]; is && !told {
			row[key] = strings.TrimSpace(value)
		}
	}
}

// refusal: the words are about a login that failed.
func refusal(words string) bool {
	for _, w := range []string{"fail", "refus", "denied", "error", "illegal", "invalid", "wrong", "lock", "false"} {
		if strings.Contains(words, w) {
			return true
		}
	}
	return false
}

// logTime also reads the form of Intelbras, day first.
func logTime(s string) (time.Time, error) {
	if t, err := time.Parse("2-1-2006 15:4:5", strings.TrimSpace(s)); err == nil {
		return t, nil
	}
	return parseStamp(s)
}

var _ rekey.LoginLogReader = (*session)(nil)
