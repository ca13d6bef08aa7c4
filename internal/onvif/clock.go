package onvif

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"rekey"
)

// Clock reads the wall clock: as the device tells it, else by its time zone
// where that has no summer time. ErrUnsupported: it tells only UTC, of which the
// wall clock cannot be told.
func (s *session) Clock(ctx context.Context) (time.Time, error) {
	wall, _, err := s.clock(ctx)
	return wall, err
}

// clock is the wall clock and how far it is ahead of UTC.
func (s *session) clock(ctx context.Context) (time.Time, time.Duration, error) {
	told, err := s.main.anybody(ctx, ofDevice("GetSystemDateAndTime", ""))
	if err != nil {
		return time.Time{}, 0, err
	}
	wall, ok := wallOf(told)
	if !ok {
		return time.Time{}, 0, fmt.Errorf("%w: %s does not tell its wall clock by ONVIF", rekey.ErrUnsupported, s.host())
	}
	var ahead time.Duration
	if utc, ok := clockOf(told); ok {
		ahead = wall.Sub(utc)
	}
	if ahead < -14*time.Hour || ahead > 14*time.Hour {
		ahead = 0 // no zone is that far: one of the two clocks is not set
	}
	return wall, ahead, nil
}

// wallOf is the device's wall clock.
func wallOf(told *element) (time.Time, bool) {
	if wall, ok := timeOf(told.find("SystemDateAndTime", "LocalDateTime")); ok {
		return wall, true
	}
	utc, ok := clockOf(told)
	ahead, fixed := zoneOf(told.line("SystemDateAndTime", "TimeZone", "TZ"))
	return utc.Add(ahead), ok && fixed
}

// fixedZone is a POSIX time zone without summer time: "CST-8", "<+03>-3", "UTC5:0".
var fixedZone = regexp.MustCompile(`^(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]+>)([+-]?)([0-9]{1,2})(?::([0-9]{1,2}))?(?::[0-9]{1,2})?$`)

// zoneOf is how far a zone is ahead of UTC. POSIX counts westward.
func zoneOf(tz string) (ahead time.Duration, ok bool) {
	m := fixedZone.FindStringSubmatch(tz)
	if m == nil {
		return 0, false
	}
	hours, _ := strconv.Atoi(m[2])
	minutes, _ := strconv.Atoi(m[3]) // none is 0
	ahead = -time.Duration(hours)*time.Hour - time.Duration(minutes)*time.Minute
	if m[1] == "-" {
		ahead = -ahead
	}
	return ahead, true
}

// Firmware reads the version, and the day it was built where that stands in it.
func (s *session) Firmware(ctx context.Context) (version string, built time.Time, err error) {
	const operation = "GetDeviceInformation"
	told, err := s.main.ask(ctx, ofDevice(operation, ""))
	if err != nil {
		return "", time.Time{}, err
	}
	if version, built = splitFirmware(told.line("FirmwareVersion")); version == "" {
		return "", time.Time{}, s.main.odd(operation, errors.New("no firmware version in it"))
	}
	if built.IsZero() {
		return version, built, fmt.Errorf("%w: %s tells no build date of its firmware", rekey.ErrUnsupported, s.host())
	}
	return version, built, nil
}

var (
	_ rekey.ClockReader    = (*session)(nil)
	_ rekey.FirmwareReader = (*session)(nil)
)
