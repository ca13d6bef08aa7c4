// Package missions is the owner's way back in, played whole: a recorder that is
// plugged in, a support desk and a cloud that really run, and somebody before the
// monitor, in Chromium, by mouse alone. Each test is one of the makers' procedures
// from the lost password to the new one; at its end the recorder is asked at every
// door, by rekey's own drivers.
//
// It holds tests only.
package missions
