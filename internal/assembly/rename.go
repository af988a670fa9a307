package assembly

// setAside gives the records of parts that are now wanted under another name or kind a key of
// their own, "key@name". So the new object is made beside the old one, which is deleted last.
// An object that was set aside and is what the part wants after all gets the part's key back.
func setAside(parts []Part, records []Record) []Record {
	wanted := make(map[string]*Part, len(parts))
	aside := make(map[string]*Part, len(parts)) // by the key that its object has when set aside
	for i := range parts {
		p := &parts[i]
		wanted[p.Key], aside[p.Key+"@"+p.Name] = p, p
	}
	moved := map[string]string{}
	for _, r := range records {
		if p := wanted[r.Key]; p != nil && !r.is(p) {
			moved[r.Key] = r.Key + "@" + r.Name
		}
		if p := aside[r.Key]; p != nil && r.is(p) {
			moved[r.Key] = p.Key
		}
	}
	if len(moved) == 0 {
		return records
	}
	list := make([]Record, len(records))
	for i, r := range records {
		if key, ok := moved[r.Key]; ok {
			r.Key = key
			needs := make([]string, len(r.Needs))
			for j, need := range r.Needs {
				if key, ok := moved[need]; ok {
					need = key
				}
				needs[j] = need
			}
			r.Needs = needs
		}
		list[i] = r
	}
	return list
}
