package recorder

import (
	"crypto/subtle"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"rekey"
	"rekey/seclog"
)

// Camera is a camera behind the recorder, for Init.
type Camera struct {
	Address  string       // as in the settings, e.g. "192.0.2.101"
	Account  string       // empty = admin
	Password rekey.Secret // what the camera asks for; none = the recorder's own at its first set-up, as of the cameras on its PoE ports
}

// camera is what the recorder knows of one camera, and what the camera itself
// asks for, which the recorder does not know.
type camera struct {
	Address string `json:"address"`
	Account string `json:"account"`
	// Kept is the login that the recorder keeps for it, sealed; none = it logs in
	// with the password of its own admin, whatever that is by now.
	Kept []byte `json:"kept,omitempty"`
	// Wants and WantsAccount are the camera's own login. No setting and no button
	// of the recorder changes it. None = it takes that of the first set-up.
	Wants        []byte `json:"wants,omitempty"`
	WantsAccount string `json:"wants_account"`
	WantsOf      string `json:"wants_of,omitempty"` // account whose password Wants was sealed as; empty = a camera's
}

const cameraContext = "recorder camera"

func checkCameras(cameras []Camera, channels int) error {
	if len(cameras) > channels {
		return fmt.Errorf("%w: %d cameras; the recorder has %d channels", rekey.ErrInput, len(cameras), channels)
	}
	for _, c := range cameras {
		for _, text := range []string{c.Address, c.Account, c.Password.Reveal()} {
			if len(text) > maxValue || !printable(text) {
				return fmt.Errorf("%w: address, account and password of a camera must have at most %d printable characters", rekey.ErrInput, maxValue)
			}
		}
		if c.Address == "" {
			return fmt.Errorf("%w: a camera needs an address", rekey.ErrInput)
		}
	}
	return nil
}

func (b *Box) newCameras(configured []Camera) ([]camera, error) {
	var made []camera
	for _, c := range configured {
		one := camera{Address: c.Address, Account: c.Account}
		if one.Account == "" {
			one.Account = AdminAccount
		}
		one.WantsAccount = one.Account
		if !c.Password.IsZero() {
			sealed, err := b.seal.seal([]byte(c.Password.Reveal()), cameraContext)
			if err != nil {
				return nil, storageError("seal a camera's password", err)
			}
			one.Kept, one.Wants = sealed, sealed
		}
		made = append(made, one)
	}
	return made, nil
}

// pairCameras gives the cameras that ask for nothing yet the admin's password:
// that is how such recorders set up what hangs on their PoE ports.
func (s *state) pairCameras(sealed []byte, admin string) {
	for i := range s.Cameras {
		if s.Cameras[i].Wants == nil {
			s.Cameras[i].Wants, s.Cameras[i].WantsOf = sealed, admin
		}
	}
}

// forgetCameras is the button's part: the recorder forgets the logins that it
// was told. The cameras do not forget theirs.
func (s *state) forgetCameras() {
	for i := range s.Cameras {
		s.Cameras[i].Account, s.Cameras[i].Kept = AdminAccount, nil
	}
}

// CameraState is one camera as the recorder sees it.
type CameraState struct {
	Address, Account string
	Online           bool
}

// Cameras are the cameras from channel 1 on.
func (b *Box) Cameras() []CameraState {
	s := b.state()
	states := make([]CameraState, len(s.Cameras))
	for i, c := range s.Cameras {
		states[i] = CameraState{Address: c.Address, Account: c.Account, Online: b.letsIn(s, c)}
	}
	return states
}

// letsIn tells whether the camera takes the login that the recorder uses.
func (b *Box) letsIn(s *state, c camera) bool {
	sealed, context := c.Kept, cameraContext
	if sealed == nil {
		sealed, context = s.Accounts[AdminAccount].Sealed, sealedContext(AdminAccount)
	}
	ours, err := b.seal.open(sealed, context)
	if err != nil {
		return false
	}
	context = cameraContext
	if c.WantsOf != "" {
		context = sealedContext(c.WantsOf)
	}
	theirs, err := b.seal.open(c.Wants, context)
	return err == nil && c.Account == c.WantsAccount && subtle.ConstantTimeCompare(ours, theirs) == 1
}

// The settings that tell of the cameras, as the family names them.
const (
	cameraTable = "RemoteDevice"
	cameraKey   = "uuid:System_CONFIG_NETCAMERA_INFO_"
)

// KeptPassword stands in the settings where a camera's password is kept.
const KeptPassword = "******"

func (b *Box) cameraTable() (map[string]string, bool) {
	cameras := b.state().Cameras
	if len(cameras) == 0 {
		return nil, false
	}
	t := map[string]string{}
	for i, c := range cameras {
		maps.Copy(t, c.settings(cameraKey+strconv.Itoa(i)+"."))
	}
	return t, true
}

func (c camera) settings(at string) map[string]string {
	return map[string]string{
		at + "Enable": "true", at + "Address": c.Address, at + "UserName": c.Account, at + "Password": KeptPassword,
		at + "Port": "37777", at + "HttpPort": "80", at + "HttpsPort": "443", at + "RtspPort": "554",
		at + "DeviceType": "IP Camera", at + "VideoInputs[0].Name": "IPC",
	}
}

// setCameras changes what the recorder keeps of its cameras: address, account
// and password. Other keys stay as they are, without a word. A password that
// comes back as it was shown is no new one.
func (b *Box) setCameras(actor string, changed map[string]string, from Client) error {
	return b.commit(func(next *state) ([]seclog.Record, error) {
		if err := next.mustBeAdmin(mainList, actor); err != nil {
			return nil, err
		}
		set := map[string]string{}
		for key, value := range changed {
			if err := b.setCamera(next, key, value, set); err != nil {
				return nil, err
			}
		}
		r := from.record(actor, "settings.set", cameraTable, "ok")
		maps.Copy(r.Detail, set)
		return []seclog.Record{r}, nil
	})
}

// setCamera changes one key and notes it in set.
func (b *Box) setCamera(next *state, key, value string, set map[string]string) error {
	if len(value) > maxValue || !printable(value) {
		return fmt.Errorf("%w: settings of a camera must have at most %d printable characters", rekey.ErrInput, maxValue)
	}
	number, field, _ := strings.Cut(strings.TrimPrefix(key, cameraKey), ".")
	i, known := index(number, len(next.Cameras))
	if !known {
		return nil
	}
	c := &next.Cameras[i]
	switch {
	case field == "Address" && value != "" && value != c.Address:
		c.Address = value
		set["set "+key] = value
	case field == "UserName" && value != "" && value != c.Account:
		c.Account = value
		set["set "+key] = value
	case field == "Password" && value != "" && value != KeptPassword:
		sealed, err := b.seal.seal([]byte(value), cameraContext)
		if err != nil {
			return storageError("seal a camera's password", err)
		}
		c.Kept = sealed
		set["set "+key] = KeptPassword
	}
	return nil
}

// index reads a number from 0 below n.
func index(text string, n int) (i int, ok bool) {
	i, err := strconv.Atoi(text)
	return i, err == nil && i >= 0 && i < n
}
