package hikvision

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rekey"
	"rekey/internal/transport"
)

// pathTime is the clock.
const pathTime = "/ISAPI/System/time"

// Firmware reads version and build date.
func (s *session) Firmware(ctx context.Context) (version string, built time.Time, err error) {
	r, err := s.get(ctx, pathDeviceInfo, "DeviceInfo")
	if err != nil {
		return "", built, err
	}
	version, built = splitFirmware(r.value("firmwareVersion"))
	if built.IsZero() {
		_, built = splitFirmware(" " + r.value("firmwareReleasedDate"))
	}
	if built.IsZero() {
		return version, built, fmt.Errorf("%w: %s tells no build date of its firmware", rekey.ErrUnsupported, s.at.Address())
	}
	return version, built, nil
}

// Clock reads the wall clock.
func (s *session) Clock(ctx context.Context) (time.Time, error) {
	r, err := s.get(ctx, pathTime, "Time")
	if err != nil {
		return time.Time{}, err
	}
	t, err := parseWall(r.exact("localTime"))
	if err != nil {
		return time.Time{}, s.odd(pathTime, err.Error())
	}
	return t, nil
}

// wallForm is a time without a zone. Firmware writes "Z" behind its own wall
// clock in recordings, and the offset from UTC behind the clock's: both are
// taken for the wall clock.
const wallForm = "2006-01-02T15:04:05"

func parseWall(s string) (time.Time, error) {
	if len(s) >= len(wallForm) && len(s) <= 40 {
		behind := strings.TrimLeft(s[len(wallForm):], ".0123456789")
		t, err := time.Parse(wallForm, s[:len(wallForm)])
		if err == nil && (behind == "" || behind == "Z" || strings.HasPrefix(behind, "+") || strings.HasPrefix(behind, "-")) {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time", transport.Printable(s))
}

var (
	_ rekey.FirmwareReader = (*session)(nil)
	_ rekey.ClockReader    = (*session)(nil)
)
