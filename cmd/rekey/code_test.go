package main

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rekey"
	"rekey/recovery"
)

const (
	codeTestKey       = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	codeTestDevice    = "V7KX-4YBM-0P97"
	codeTestChallenge = "400R-0YG6-V5GS-YMWC-QV05"
	codeTestAnswer    = "05D8-4WAY-9MWG-ZXD1"
)

func codeKeyFile(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
	return name
}

// runCode runs rekey code and gives its one JSON line.
func runCode(t *testing.T, stdin string, args ...string) (map[string]any, error) {
	t.Helper()
	cmd := newCodeCommand()
	var out, talk bytes.Buffer
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&talk)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	err := cmd.Execute()
	if talk.Len() > 0 {
		t.Errorf("talk on stderr: %s", talk.String())
	}
	if out.Len() == 0 {
		return nil, err
	}
	var v map[string]any
	if jsonErr := json.Unmarshal(out.Bytes(), &v); jsonErr != nil {
		t.Fatalf("stdout is not one JSON object: %v", jsonErr)
	}
	return v, err
}

func wantFields(t *testing.T, got map[string]any, want map[string]any) {
	t.Helper()
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s = %v, want %v", name, got[name], value)
		}
	}
}

func TestCodeAnswer(t *testing.T) {
	t.Parallel()
	for _, content := range []string{codeTestKey, codeTestKey + "\n", strings.ToUpper(codeTestKey)} {
		got, err := runCode(t, "", "answer", "--json", "--key-file", codeKeyFile(t, content, 0o600), "--device", codeTestDevice, "--account", "admin", "--challenge", strings.ToLower(codeTestChallenge))
		if err != nil {
			t.Fatal(err)
		}
		wantFields(t, got, map[string]any{
			"message_type": "code_answer", "answer": codeTestAnswer, "spoken": "05D8-4WAY", "sent": "9MWG-ZXD1", "device_id": codeTestDevice, "account": "admin",
			"challenge": codeTestChallenge, "suite": 1.0, "purpose": 0.0, "epoch": 0.0, "counter": 7.0, "random": "a1b2c3d4e5f60", "purpose_text": "set a new password",
		})
		if words, ok := got["words"].([]any); !ok || len(words) != 16 || words[2] != "Delta" {
			t.Errorf("words %v", got["words"])
		}
	}
}

func TestCodeCheck(t *testing.T) {
	t.Parallel()
	args := []string{"check", "--key-file", codeKeyFile(t, codeTestKey, 0o400), "--device", codeTestDevice, "--account", "admin", "--challenge", codeTestChallenge}
	got, err := runCode(t, "o5d8 4way 9mwg zxdl\n", args...)
	if err != nil {
		t.Fatal(err)
	}
	wantFields(t, got, map[string]any{"message_type": "code_check", "fits": true, "account": "admin"})

	got, err = runCode(t, "Z8TB-PA0Q-8ZWV-MGEY", args...)
	if !errors.Is(err, rekey.ErrVerify) {
		t.Errorf("an answer for another purpose: %v, want ErrVerify", err)
	}
	wantFields(t, got, map[string]any{"fits": false})

	got, err = runCode(t, "05D8-4WAY-9MWH-ZXD1", args...)
	if !errors.Is(err, rekey.ErrInput) || !strings.Contains(err.Error(), "group 3 of the answer mistyped: nothing was spent") || got != nil {
		t.Errorf("a mistyped answer: %v, %v", got, err)
	}
	file := codeKeyFile(t, codeTestAnswer+"\n", 0o600)
	if got, err = runCode(t, "", append(args, "--answer-file", file)...); err != nil || got["fits"] != true {
		t.Errorf("--answer-file: %v, %v", got, err)
	}
}

func TestCodeChallenge(t *testing.T) {
	t.Parallel()
	got, err := runCode(t, "", "challenge", "--device", codeTestDevice, "--purpose", "2", "--epoch", "3", "--counter", "65543")
	if err != nil {
		t.Fatal(err)
	}
	wantFields(t, got, map[string]any{"suite": 1.0, "purpose": 2.0, "epoch": 3.0, "counter": 7.0, "device_id": codeTestDevice})
	made, ok := got["challenge"].(string)
	if !ok {
		t.Fatalf("challenge %v", got["challenge"])
	}
	back, err := runCode(t, "", "challenge", made)
	if err != nil || back["random"] != got["random"] || back["purpose"] != 2.0 {
		t.Errorf("taken apart: %v, %v, want %v", back, err, got)
	}
	if _, has := back["device_id"]; has {
		t.Error("a Device ID that nobody named")
	}
	again, err := runCode(t, "", "challenge", "--key-file", codeKeyFile(t, codeTestKey, 0o600))
	if err != nil || again["random"] == got["random"] {
		t.Errorf("second challenge %v, %v", again, err)
	}
}

func TestCodeQR(t *testing.T) {
	t.Parallel()
	key := codeKeyFile(t, codeTestKey, 0o600)
	root := strings.Repeat("ab", 32)
	got, err := runCode(t, "", "qr", "--key-file", key, "--desk", "desk.local", "--device", codeTestDevice, "--challenge", codeTestChallenge, "--log-size", "1234", "--log-root", root)
	if err != nil {
		t.Fatal(err)
	}
	wantFields(t, got, map[string]any{"length": 133.0, "desk": "desk.local", "verified": true, "log_size": 1234.0, "log_root": root, "device_id": codeTestDevice})
	text, ok := got["qr"].(string)
	if !ok {
		t.Fatalf("qr %v", got["qr"])
	}
	back, err := runCode(t, "", "qr", "--key-file", key, "--verify", text)
	if err != nil {
		t.Fatal(err)
	}
	wantFields(t, back, map[string]any{"qr": text, "verified": true, "challenge": codeTestChallenge, "log_root": root})
	if _, err := runCode(t, "", "qr", "--key-file", key, "--verify", strings.Replace(text, "DESK", "EVIL", 1)); !errors.Is(err, rekey.ErrVerify) {
		t.Errorf("a changed text: %v, want ErrVerify", err)
	}
	answer, err := runCode(t, "", "answer", "--key-file", key, "--account", "admin", "--qr", text)
	if err != nil || answer["answer"] != codeTestAnswer {
		t.Errorf("answer from the QR text: %v", err)
	}
}

func TestCodeSuite2(t *testing.T) {
	t.Parallel()
	sk, err := hpke.DHKEM(ecdh.X25519()).GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := sk.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	id, err := recovery.ParseDeviceID(codeTestDevice)
	if err != nil {
		t.Fatal(err)
	}
	c := recovery.Challenge{Suite: recovery.SuiteHPKE, Counter: 9, Random: 5}
	enc, want, err := recovery.RecorderAnswer(sk.PublicKey(), id, "admin", c)
	if err != nil {
		t.Fatal(err)
	}
	text, err := recovery.QR{Desk: "desk.local", DeviceID: id, Challenge: c, Enc: enc}.Text()
	if err != nil {
		t.Fatal(err)
	}
	key := codeKeyFile(t, hex.EncodeToString(raw), 0o600)
	got, err := runCode(t, "", "answer", "--key-file", key, "--account", "admin", "--qr", text)
	if err != nil || got["answer"] != want.Reveal() || got["suite"] != 2.0 {
		t.Errorf("suite 2: %v", err)
	}
	if _, err := runCode(t, "", "answer", "--key-file", key, "--account", "admin", "--device", codeTestDevice, "--challenge", c.String()); !errors.Is(err, rekey.ErrInput) {
		t.Errorf("suite 2 without its QR text: %v", err)
	}
}

func TestCodeDevice(t *testing.T) {
	t.Parallel()
	got, err := runCode(t, "", "device", "v7kx4ybmop97")
	if err != nil {
		t.Fatal(err)
	}
	wantFields(t, got, map[string]any{"device_id": codeTestDevice, "data": "V7K4YB0P9"})
	made, err := runCode(t, "", "device")
	if err != nil || made["device_id"] == codeTestDevice || len(made["data"].(string)) != 9 {
		t.Errorf("a new Device ID: %v, %v", made, err)
	}
}

func TestCodeRefuses(t *testing.T) {
	t.Parallel()
	key := codeKeyFile(t, codeTestKey, 0o600)
	answer := func(key, device, account, challenge string) []string {
		return []string{"answer", "--key-file", key, "--device", device, "--account", account, "--challenge", challenge}
	}
	tests := []struct {
		name string
		args []string
		says string
	}{
		{"wrong group", answer(key, codeTestDevice, "admin", "400R-0YG6-V5GT-YMWC-QV05"), "group 3 of the challenge mistyped: nothing was spent"},
		{"wrong Device ID", answer(key, "V7KX-4YBN-0P97", "admin", codeTestChallenge), "group 2 of the Device ID mistyped"},
		{"answer as challenge", answer(key, codeTestDevice, "admin", codeTestAnswer), "has 16 symbols, expected 20"},
		{"no account", answer(key, codeTestDevice, "", codeTestChallenge), "--account is missing"},
		{"no device", answer(key, "", "admin", codeTestChallenge), "--device is missing"},
		{"odd account", answer(key, codeTestDevice, "a\nb", codeTestChallenge), "account name"},
		{"no key file", answer(key+"x", codeTestDevice, "admin", codeTestChallenge), "no such file"},
		{"folder as key", answer(filepath.Dir(key), codeTestDevice, "admin", codeTestChallenge), "not a regular file"},
		{"open key file", answer(codeKeyFile(t, codeTestKey, 0o640), codeTestDevice, "admin", codeTestChallenge), "mode 0640"},
		{"short key", answer(codeKeyFile(t, codeTestKey[1:], 0o600), codeTestDevice, "admin", codeTestChallenge), "exactly 64 hex digits"},
		{"empty key", answer(codeKeyFile(t, "", 0o600), codeTestDevice, "admin", codeTestChallenge), "exactly 64 hex digits"},
		{"long key", answer(codeKeyFile(t, codeTestKey+"\n\n", 0o600), codeTestDevice, "admin", codeTestChallenge), "exactly 64 hex digits"},
		{"other key", answer(codeKeyFile(t, strings.Repeat("zz", 32), 0o600), codeTestDevice, "admin", codeTestChallenge), "something else than hex digits"},
		{"both", append(answer(key, codeTestDevice, "admin", codeTestChallenge), "--qr", "x"), "--qr names the Device ID"},
		{"reserved purpose", []string{"challenge", "--purpose", "3"}, "reserved"},
		{"epoch", []string{"challenge", "--epoch", "4"}, "2 bits"},
		{"QR text", []string{"qr", "--key-file", key, "--verify", "hello"}, "not the text of a recovery QR code"},
		{"QR parts", []string{"qr", "--key-file", key, "--verify", "hello", "--desk", "d"}, "--verify takes the text alone"},
		{"QR without desk", []string{"qr", "--key-file", key}, "--desk is missing"},
		{"QR without key", []string{"qr"}, "--key-file is missing"},
		{"QR desk", []string{"qr", "--key-file", key, "--desk", "a b", "--device", codeTestDevice, "--challenge", codeTestChallenge}, "expected a host name"},
		{"QR root", []string{"qr", "--key-file", key, "--desk", "d", "--device", codeTestDevice, "--challenge", codeTestChallenge, "--log-root", "ab"}, "--log-root"},
		{"device", []string{"device", "V7KX"}, "has 4 symbols"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := runCode(t, "", tt.args...)
			if !errors.Is(err, rekey.ErrInput) || got != nil {
				t.Fatalf("result %v, error %v, want ErrInput and nothing on stdout", got, err)
			}
			if !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), codeTestKey[10:30]) {
				t.Errorf("error %q, want %q", err, tt.says)
			}
		})
	}
}
