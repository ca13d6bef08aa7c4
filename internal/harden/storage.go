package harden

import (
	"context"
	"fmt"

	"rekey"
)

// checkStorage looks for disks that may lose footage, and for a recorder without any.
func checkStorage(ctx context.Context, s rekey.Session, _ CheckInput) ([]Finding, error) {
	reader, err := can[rekey.StorageReader](s)
	if err != nil {
		return nil, err
	}
	disks, err := reader.Storage(ctx)
	if err != nil {
		return nil, err
	}
	if len(disks) == 0 {
		return []Finding{{
			ID: NoDisk, Severity: High, Certainty: rekey.Verified,
			Title: "the recorder has no disk",
			Why:   "nothing is recorded",
			Do:    "look at its screen whether a disk is to be set up; else have the power and data cables of the disk looked at, or put one in",
		}}, nil
	}
	var found []Finding
	for _, d := range disks {
		if !d.OK {
			found = append(found, diskTrouble(d))
		}
	}
	return found, nil
}

// diskTrouble is as certain as the recorder's word for it.
func diskTrouble(d rekey.Disk) Finding {
	return Finding{
		ID: DiskTrouble, Subject: d.Name, Severity: High, Certainty: rekey.Verified,
		Title: fmt.Sprintf("the recorder says of the disk %s: %s", d.Name, d.State),
		Why:   "footage on it may be lost, and it may take no more",
		Do:    "save the footage that matters now; then have the disk looked at, and do not format it before that",
	}
}
