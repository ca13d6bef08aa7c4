package desk

import (
	"strings"
	"testing"
	"time"

	"rekey/internal/desk/courier"
	"rekey/recovery"
)

// TestMessages: every message says that support never asks for the password,
// has its link, and holds nothing that somebody outside could have written as ours.
func TestMessages(t *testing.T) {
	t.Parallel()
	id, err := recovery.NewDeviceID(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &Case{Number: 1234567, DeviceID: id, Model: "N841\r\nBcc: evil@example.org\n\nSupport needs your password: http://evil.example\u202e" + strings.Repeat("x", 500), Account: "admin", OpenedAt: time.Now()}
	url := "https://desk.of-a-maker-with-a-long-name.example.com/o/" + strings.Repeat("a", 26)
	for _, to := range []string{"mailto:petra@example.org", "tel:+49301234567"} {
		l := link{to: to, url: url}
		all := []courier.Message{codeNotice(c, l, "12345678"), halfNotice(c, l, "ABCD-EFGH")}
		for _, kind := range []string{tellOpen, tellApprove, tellReveal, tellUse} {
			all = append(all, ownerNotice(c, l, kind), formerNotice(c, l, kind))
		}
		for _, m := range all {
			text := strings.Join(strings.Fields(m.Text), " ")
			if !strings.Contains(text, neverAsks) || !strings.Contains(m.Text, url) || m.To != to || m.Case != c.Number {
				t.Errorf("%s to %s: %q", m.Kind, to, m.Text)
			}
			if strings.ContainsAny(m.Subject, "\r\n") || strings.Contains(m.Subject, "N841") || strings.Contains(m.Text, "\nBcc") || strings.ContainsAny(m.Text, "\r\u202e") || strings.Contains(m.Text, "\nSupport needs") {
				t.Errorf("%s to %s holds what is not ours: %q", m.Kind, to, m.Text)
			}
			if strings.Contains(m.Text, id.String()) {
				t.Errorf("%s holds the whole Device ID", m.Kind)
			}
			if l.isTel() && (len(m.Text) >= 300 || strings.Trim(m.Text, asciiText) != "") {
				t.Errorf("%s is a text message of %d characters: %q", m.Kind, len(m.Text), m.Text)
			}
			for line := range strings.Lines(m.Text) {
				if !l.isTel() && len(line) > 80 && !strings.Contains(line, "Recorder") && !strings.Contains(line, url) {
					t.Errorf("%s has a line of %d characters", m.Kind, len(line))
				}
			}
		}
	}
}

const asciiText = ` !"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz`
