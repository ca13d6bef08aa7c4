package front

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/recovery"
)

// recorderID is the recorder that the path names.
func (c *call) recorderID() (recovery.DeviceID, error) {
	id, err := recovery.ParseDeviceID(c.r.PathValue("id"))
	if err != nil {
		return id, refuse(rekey.ErrNotFound, "there is no recorder %q", clip(c.r.PathValue("id")))
	}
	return id, nil
}

func (f *front) recorderOwner(c *call) (reply, error) {
	id, err := c.recorderID()
	if err != nil {
		return reply{}, err
	}
	return f.recorderOwnerPage(c, id, nil)
}

func (f *front) recorderOwnerPage(c *call, id recovery.DeviceID, failed error) (reply, error) {
	r, err := f.desk.Recorder(c.r.Context(), c.who, id)
	if err != nil {
		return reply{}, err
	}
	return reply{title: "Registration of " + id.String(), page: recorderOwnerPage(r, told(failed))}, failed
}

// recorderAct runs one change of a recorder's registration, with the proof that
// came with it.
func (f *front) recorderAct(act func(*call, recovery.DeviceID, desk.StepUp) error) handler {
	return func(c *call) (reply, error) {
		id, err := c.recorderID()
		if err != nil {
			return reply{}, err
		}
		proof, err := c.stepUp()
		if err == nil {
			err = act(c, id, proof)
		}
		if err != nil {
			return f.recorderOwnerPage(c, id, err)
		}
		return reply{location: recorderURL(id) + "/owner"}, nil
	}
}

func recorderURL(id recovery.DeviceID) string { return "/recorders/" + id.String() }

func (f *front) setOwner(c *call, id recovery.DeviceID, proof desk.StepUp) error {
	owner, err := c.owner()
	if err != nil {
		return err
	}
	return f.desk.SetOwner(c.r.Context(), c.who, id, owner, proof)
}

// owner reads the fields of an owner. Addresses stand one a line.
func (c *call) owner() (desk.Owner, error) {
	o := desk.Owner{Name: c.field("owner"), Addresses: strings.Fields(c.field("addresses"))}
	if since := c.field("since"); since != "" {
		at, err := time.Parse(dateLayout, since)
		if err != nil {
			return o, refuse(rekey.ErrInput, "owner since: expected a date such as 2024-11-01")
		}
		o.Since = at
	}
	return o, nil
}

func (f *front) setStolen(c *call, id recovery.DeviceID, proof desk.StepUp) error {
	return f.desk.SetStolen(c.r.Context(), c.who, id, c.field("stolen") == "yes", proof)
}

func (f *front) setPhrases(c *call, id recovery.DeviceID, proof desk.StepUp) error {
	return f.desk.SetPhrases(c.r.Context(), c.who, id, desk.Phrases{Support: c.secret("support"), Duress: c.secret("duress")}, proof)
}

func (f *front) enrolForm(*call) (reply, error) { return f.enrolPage(nil) }

func (f *front) enrolPage(failed error) (reply, error) {
	return reply{title: "Enrol a recorder", page: enrolPage(told(failed))}, failed
}

func (f *front) enrol(c *call) (reply, error) {
	file, err := c.upload("enrolment")
	if err != nil {
		return f.enrolPage(err)
	}
	owner, err := c.owner()
	if err != nil {
		return f.enrolPage(err)
	}
	done, err := f.desk.Enrol(c.r.Context(), c.who, file, owner)
	if err != nil {
		return f.enrolPage(err)
	}
	return reply{title: "Enrolled " + done.DeviceID.String(), page: enrolledPage(done)}, nil
}

// mostUpload bounds an uploaded file: an enrolment or a checkpoint is far smaller.
const mostUpload = 64 << 10

// upload is a file of a form; without one, nothing.
func (c *call) upload(name string) ([]byte, error) {
	if err := c.r.ParseMultipartForm(mostUpload); err != nil {
		if errors.Is(err, http.ErrNotMultipart) {
			return nil, nil
		}
		return nil, badForm(err)
	}
	file, _, err := c.r.FormFile(name)
	if errors.Is(err, http.ErrMissingFile) {
		return nil, nil
	}
	if err != nil {
		return nil, badForm(err)
	}
	defer func() { _ = file.Close() }()
	b, err := io.ReadAll(io.LimitReader(file, mostUpload+1))
	if err != nil || len(b) > mostUpload {
		return nil, refuse(rekey.ErrInput, "the file is too large: at most %d KiB are taken", mostUpload>>10)
	}
	return b, nil
}
