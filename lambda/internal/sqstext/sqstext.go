// Package sqstext writes JSON that SQS accepts as a message, and does nothing else.
package sqstext

import "bytes"

// Escape returns a JSON text with U+FFFE and U+FFFF escaped, which JSON has inside strings only. SQS refuses a message
// that holds one of them, or replaces it; AWS's pages say both. The other characters that SQS does not take are control
// characters, which JSON always escapes.
func Escape(document []byte) []byte {
	if !bytes.Contains(document, []byte("\xEF\xBF")) { // what both begin with
		return document
	}
	document = bytes.ReplaceAll(document, []byte("\uFFFE"), []byte(`\ufffe`))
	return bytes.ReplaceAll(document, []byte("\uFFFF"), []byte(`\uffff`))
}
