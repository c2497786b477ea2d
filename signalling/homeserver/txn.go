package homeserver

import "encoding/json"

// txnsKept is how many transactions of a device are remembered. A client
// repeats a request within minutes; at ten messages a second this is three.
const txnsKept = 2048

// txnLog remembers what a device's requests with transaction IDs were answered
// with, so that a repeated one does nothing twice. Guarded by the model.
type txnLog struct {
	answers map[string]json.RawMessage
	order   []string // oldest first
}

// txnKey names a transaction within its device: the transaction ID counts for
// one endpoint with its path (client-server API, "Transaction identifiers").
func txnKey(parts ...string) string { return key(parts...) }

func (l *txnLog) get(txn string) (json.RawMessage, bool) {
	answer, ok := l.answers[txn]
	return answer, ok
}

// put remembers an answer and returns the transactions it forgot for it.
func (l *txnLog) put(txn string, answer json.RawMessage) (forgotten []string) {
	if l.answers == nil {
		l.answers = make(map[string]json.RawMessage)
	}
	if _, known := l.answers[txn]; !known {
		l.order = append(l.order, txn)
	}
	l.answers[txn] = answer
	if over := len(l.order) - txnsKept; over > 0 {
		forgotten = l.order[:over:over]
		l.order = l.order[over:]
		for _, old := range forgotten {
			delete(l.answers, old)
		}
	}
	return forgotten
}

// txnRecord is a remembered transaction as a journal value. At orders them.
type txnRecord struct {
	At     int64           `json:"at"`
	Answer json.RawMessage `json:"answer"`
}

// remember notes the answer to a transaction along with the change it made.
func (c *change) remember(d *device, txn string, answer json.RawMessage) {
	if txn == "" {
		return
	}
	c.put(bucketTxn, key(d.user.id, d.id, txn), txnRecord{c.model.position, answer})
	for _, old := range d.txns.put(txn, answer) {
		c.drop(bucketTxn, key(d.user.id, d.id, old))
	}
}
