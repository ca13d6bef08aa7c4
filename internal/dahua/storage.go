package dahua

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"rekey"
	"rekey/internal/transport"
)

const actionDisks = "getDeviceAllInfo"

// Storage tells the disks: by RPC2 with storage.getDeviceAllInfo, or
// StorageDeviceManager.getDeviceInfos where the firmware lacks that, else by CGI.
// ErrUnsupported: it does not tell, which is not the same as having none.
func (s *session) Storage(ctx context.Context) ([]rekey.Disk, error) {
	var rows []map[string]string
	err := s.either(ctx,
		func(r *rpc) (err error) {
			rows, err = s.disksByRPC(ctx, r)
			return err
		},
		func(c *cgi) error {
			l, err := c.values(ctx, "storageDevice.cgi", actionDisks)
			if err != nil {
				return err
			}
			told := false
			if rows, told = diskRows(l); !told {
				return untold(s.at.Address(), actionDisks, "no list in it")
			}
			return nil
		})
	if err != nil {
		return nil, s.plainly(err, "its disks")
	}
	disks := make([]rekey.Disk, 0, len(rows))
	for i, row := range rows {
		disks = append(disks, readDisk(row, i))
	}
	return disks, nil
}

// mostDisks is far above the bays of any recorder.
const mostDisks = 256

func (s *session) disksByRPC(ctx context.Context, r *rpc) ([]map[string]string, error) {
	told, err := r.instanced(ctx, "storage", actionDisks)
	if absent(err) {
		told, err = r.instanced(ctx, "StorageDeviceManager", "getDeviceInfos")
	}
	if err != nil {
		return nil, err
	}
	list, is := listIn(told, "info", "device", "list")
	if !is {
		return nil, untold(s.at.Address(), actionDisks, "no list in it")
	}
	return s.flatRows(list, mostDisks, actionDisks)
}

// diskRows takes the disks out of a CGI answer: "list.info[0].Name=", "list[0].Name="
// on some firmware, and "list.info=0" where there are none.
func diskRows(l lines) (rows []map[string]string, told bool) {
	for _, name := range []string{"list.info", "list", "info"} {
		if rows = flatRowsOf(l, name, mostDisks); len(rows) > 0 {
			return rows, true
		}
		if count, is := l[name]; is && (count == "0" || count == "") {
			return nil, true
		}
	}
	return nil, false
}

// Keys of a disk's row: of getDeviceAllInfo, and of getDeviceInfos.
var (
	diskState = regexp.MustCompile(`^((detail\[\d+\]|raid)\.)?state(\[\d+\])?$`)
	diskFault = regexp.MustCompile(`^(detail\[\d+\]\.)?iserror$`)
	diskTotal = regexp.MustCompile(`^(detail\[\d+\]\.totalbytes|partitions\[\d+\]\.total)$`)
	diskUsed  = regexp.MustCompile(`^detail\[\d+\]\.usedbytes$`)
	diskLeft  = regexp.MustCompile(`^partitions\[\d+\]\.remain$`)
)

// diskTrouble are the words of a state that say that the disk takes no
// recordings, or may lose them. Firmwares have words of their own and only Success
// is known for good, so a word that is none of these is no trouble.
var diskTrouble = regexp.MustCompile(`(?i)err|fail|fault|abnormal|exception|bad|broken|damag|degrad|lost|missing|offline|inactive|removed|no[ _]?disk|(un|not[ _]?)(format|init|mount|exist)`)

// readDisk reads one row. HealthDataFlag is left alone: what it means is not known.
func readDisk(row map[string]string, index int) rekey.Disk {
	d := rekey.Disk{OK: true}
	d.Name = cmp.Or(transport.Printable(firstOf(row, "name", "detail[0].path")), fmt.Sprintf("disk %d", index+1))
	var said []string
	left := int64(-1) // not told
	for _, key := range slices.Sorted(maps.Keys(row)) {
		value := row[key]
		switch {
		case diskState.MatchString(key) && value != "":
			said = append(said, value)
			d.OK = d.OK && !diskTrouble.MatchString(value)
		case diskFault.MatchString(key) && strings.EqualFold(value, "true"):
			said, d.OK = append(said, "IsError"), false
		case diskTotal.MatchString(key):
			d.Total = plus(d.Total, value)
		case diskUsed.MatchString(key):
			d.Used = plus(d.Used, value)
		case diskLeft.MatchString(key):
			left = plus(max(left, 0), value)
		}
	}
	if left >= 0 {
		d.Used = max(d.Total-left, 0)
	}
	if d.Total == 0 {
		d.Total = plus(0, row["capacity"])
	}
	slices.Sort(said)
	d.State = transport.Printable(strings.Join(slices.Compact(said), ", "))
	return d
}

// plus adds a number of bytes; what is none, or none that a recorder can have, adds
// nothing or as much as it can have.
func plus(sum int64, told string) int64 {
	const most = 1 << 60
	n, ok := whole(told)
	if !ok || n < 0 {
		return sum
	}
	return min(sum+min(n, most), most)
}

var _ rekey.StorageReader = (*session)(nil)
