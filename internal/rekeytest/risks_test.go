package rekeytest

import (
	"slices"
	"testing"

	"rekey"
	"rekey/internal/recorder"
)

// What a session says beforehand that a change would cost is what the change
// costs: on each face that has neither the envelope nor HTTPS, and on no other.
func TestRisksOfAChangeAreTold(t *testing.T) {
	t.Parallel()
	inClear := map[bool][]recorder.Face{
		true:  {recorder.FaceLNR400, recorder.FaceBasic2014},                    // of one's own password
		false: {recorder.FaceLNR400, recorder.FaceBasic2014, recorder.FaceD861}, // of another's
	}
	for _, face := range recorder.Faces() {
		t.Run(string(face), func(t *testing.T) {
			t.Parallel()
			b := reference(t, face).dahuaBox(t)
			s := open(t, dahuaOn(face), b.HTTP, b.Admin)
			for own, faces := range inClear {
				risks, err := can[rekey.ChangeRisker](t, s).ChangeRisks(t.Context(), own)
				if err != nil || slices.Contains(risks, rekey.RiskClearPassword) != slices.Contains(faces, face) {
					t.Errorf("own %t: %v: %v", own, risks, err)
				}
			}
		})
	}
}
