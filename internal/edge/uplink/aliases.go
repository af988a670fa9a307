package uplink

// aliases gives the topics that were used last a number that replaces their name.
type aliases struct {
	most   uint16 // that the server takes
	number map[string]uint16
	used   []string // the least recently used first
}

// of returns the alias of a topic, 0 if there are none, and whether the server knows it already.
func (a *aliases) of(topic string) (alias uint16, known bool) {
	if a.most == 0 {
		return 0, false
	}
	if alias, known = a.number[topic]; known {
		for i, t := range a.used {
			if t == topic {
				a.used = append(append(a.used[:i:i], a.used[i+1:]...), topic)
				break
			}
		}
		return alias, true
	}
	if len(a.used) < int(a.most) {
		alias = uint16(len(a.used)) + 1
	} else {
		alias = a.number[a.used[0]]
		delete(a.number, a.used[0])
		a.used = a.used[1:]
	}
	a.number[topic] = alias
	a.used = append(a.used, topic)
	return alias, false
}
