package message

// fields finds the fields of the object at the root of a document, the one that
// is asked most, by a hash of length and last byte of their names.
type fields struct {
	places [64]int32 // nodes of keys; 0, which is the root, where there is none
	count  int
	// odd is true when there are more fields than fit well, or one whose name is
	// not written plainly.
	odd bool
}

// add takes up a field; of two with one name the last stays.
func (f *fields) add(nodes []node, text []byte, key int32) {
	n := &nodes[key]
	if f.count++; !n.plain || f.count > len(f.places)/2 {
		f.odd = true
	}
	if !f.odd {
		*place(f, nodes, text, text[n.start+1:n.end-1]) = key
	}
}

// place is where a field of a name stands, or would.
func place[name string | []byte](f *fields, nodes []node, text []byte, key name) *int32 {
	hash := uint(len(key))
	if hash > 0 {
		hash = 5*hash + uint(key[hash-1])
	}
	for ; ; hash++ {
		at := &f.places[hash%uint(len(f.places))]
		if *at == 0 {
			return at
		}
		if n := &nodes[*at]; string(text[n.start+1:n.end-1]) == string(key) {
			return at
		}
	}
}
