package recorder

import (
	"context"
	"os"
	"path/filepath"

	"rekey/seclog"
)

// Attest records one event and gives the proof that it is in the security log,
// under the checkpoint that the box has signed for it. It is how the box signs
// what leaves it, such as the manifest of a backup: the record holds its hash, and
// whoever has the log's key can check the proof without the log (rekey log prove).
func (b *Box) Attest(event, actor, object, result string, detail map[string]string) (seclog.Proof, error) {
	e, err := b.journal.Append(context.Background(), b.stamp(seclog.Record{Event: event, Actor: clip(actor), Object: clip(object), Result: clip(result), Detail: detail}))
	if err != nil {
		return seclog.Proof{}, storageError("write the security log; restart the recorder once its disk is well", err)
	}
	p, err := seclog.Prove(os.DirFS(filepath.Join(b.dir, logDir)), e.Seq)
	if err != nil {
		return seclog.Proof{}, storageError("prove a record of the security log", err)
	}
	return p, nil
}
