package hikvision

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"regexp"

	"rekey"
)

// pathStorage lists the disks and the stores on the network.
const pathStorage = "/ISAPI/ContentMgmt/Storage"

// mostDisks is far above the bays of any recorder.
const mostDisks = 256

// Storage tells the disks in the recorder and the stores that it has on the
// network. ErrUnsupported: it does not tell, which is not the same as having none.
func (s *session) Storage(ctx context.Context) ([]rekey.Disk, error) {
	r, err := s.get(ctx, pathStorage, "storage")
	if err != nil {
		return nil, s.plainly(err, "its disks")
	}
	disks, told := readStorage(r)
	if !told {
		return nil, fmt.Errorf("%w: %s lists no disks at %s, not even an empty list", rekey.ErrUnsupported, s.at.Address(), pathStorage)
	}
	return disks, nil
}

// plainly makes rekey.ErrUnsupported of a clear refusal: firmware says much the
// same to a missing right and to what it does not have.
func (s *session) plainly(err error, what string) error {
	if absent(err) {
		return fmt.Errorf("%w: %s does not tell this account %s: %w", rekey.ErrUnsupported, s.at.Address(), what, err)
	}
	return err
}

// readStorage reads both lists; told: there is one, if only an empty one. What the
// recorder keeps its own program on (ssdList) holds no recordings.
func readStorage(r *node) (disks []rekey.Disk, told bool) {
	disks = []rekey.Disk{}
	for _, kind := range []struct{ list, item string }{{"hddList", "hdd"}, {"nasList", "nas"}} {
		list := r.find(kind.list)
		if list == nil {
			continue
		}
		told = true
		for _, n := range list.all(kind.item) {
			if len(disks) < mostDisks && len(n.kids) > 0 {
				disks = append(disks, readDisk(n, kind.item))
			}
		}
	}
	return disks, told
}

// diskTrouble are the words of a status that say that the disk takes no recordings,
// or may lose them. Only ok and idle are known for good, and firmwares have words of
// their own, so a word that is none of these is no trouble.
var diskTrouble = regexp.MustCompile(`(?i)err|fail|fault|abnormal|exception|bad|broken|damag|lost|missing|offline|mismatch|inactive|removed|locked|(un|not[ _]?)(format|init|mount|exist)`)

func readDisk(n *node, kind string) rekey.Disk {
	d := rekey.Disk{State: n.value("status")}
	d.OK = !diskTrouble.MatchString(d.State)
	d.Name = cmp.Or(n.value("hddName"), n.value("ipAddress")+n.value("path"), n.value("hostName")+n.value("path"), kind+" "+n.value("id"))
	// Both in MB, which are 1024 KB: a disk that is sold as 2 TB has 1907729 of them.
	total, told := n.number(math.MaxInt32, "capacity")
	if !told {
		return d
	}
	d.Total = int64(total) << 20
	if free, told := n.number(total, "freeSpace"); told {
		d.Used = int64(total-free) << 20
	}
	return d
}

var _ rekey.StorageReader = (*session)(nil)
