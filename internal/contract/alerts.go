package contract

// payloadText is the payload as the rules engine writes it: compact JSON, or text that is not JSON [IoT-SQL 7, 14.3].
// It is Undefined for a payload that is not UTF-8 text.
const payloadText = "cast(decode(encode(*, 'base64'), 'base64') AS String)"

// NotPlain is an AWS IoT SQL condition on a payload: TRUE if it is text other than an object without arrays, else
// FALSE. The measures may be in arrays there, where the names in conditions do not lead. The alerts rule passes such a
// message, and the alerts function decodes it, if it lacks a member that a condition reads. A bracket in a string also
// makes it TRUE, which costs an invocation.
const NotPlain = "get_or_default(NOT startswith(" + payloadText + ", '{') OR NOT endswith(" + payloadText +
	", '}') OR indexof(" + payloadText + ", '[') >= 0, FALSE)"

// Lacking is an AWS IoT SQL condition: TRUE if the payload lacks one of the members at the given paths, of which there
// is at least one, else FALSE.
func Lacking(paths []string) string {
	condition := ""
	for i, path := range paths {
		if i > 0 {
			condition += " OR "
		}
		condition += "isUndefined(" + path + ")"
	}
	return condition
}
