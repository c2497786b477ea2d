package dependency

import (
	"strings"
	"testing"
)

// fields packs a descriptor written out in bits: each line has bits and, after
// two spaces at least, the names of the fields as section A.8.2 has them. Single
// spaces mean nothing; zero_padding is added.
func fields(t testing.TB, lines string) []byte {
	t.Helper()
	var data []byte
	n := 0
	for line := range strings.Lines(lines) {
		bits, _, _ := strings.Cut(strings.TrimSpace(line), "  ")
		for _, bit := range strings.ReplaceAll(bits, " ", "") {
			if bit != '0' && bit != '1' {
				t.Fatalf("%q is not bits", bits)
			}
			if n%8 == 0 {
				data = append(data, 0)
			}
			if bit == '1' {
				data[n/8] |= 0x80 >> (n % 8)
			}
			n++
		}
	}
	return data
}

// l1t3Structure is the example of section A.10.2.1: one spatial layer, three
// temporal ones. The targets are 30, 15 and 7.5 pictures a second.
const l1t3Structure = `
	001000                   template_id_offset: 8
	00010                    dt_cnt_minus_one: 3 targets
	00 01 01 00 11           next_layer_idc: T0 T0 T1 T2 T2
	10 10 10                 template_dti[0]: S S S
	10 10 10                 template_dti[1]: S S S
	10 01 00                 template_dti[2]: S D -
	01 00 00                 template_dti[3]: D - -
	01 00 00                 template_dti[4]: D - -
	0                        fdiff_follows_flag[0]
	1 0011 0                 fdiff_minus_one[1]: 4
	1 0001 0                 fdiff_minus_one[2]: 2
	1 0000 0                 fdiff_minus_one[3]: 1
	1 0000 0                 fdiff_minus_one[4]: 1
	01                       chain_cnt ns(4): 1; decode_target_protected_by ns(1) has no bits
	0000 0100 0010 0001 0011  template_chain_fdiff: 0 4 2 1 3
	1                        resolutions_present_flag
	0000010011111111         max_render_width_minus_1: 1280
	0000001011001111         max_render_height_minus_1: 720
`

const l1t3Key = `
	1                        start_of_frame
	0                        end_of_frame
	001000                   frame_dependency_template_id: 8
	1111111111111110         frame_number: 65534
	1                        template_dependency_structure_present_flag
	0                        active_decode_targets_present_flag
	0 0 0                    custom_dtis_flag, custom_fdiffs_flag, custom_chains_flag
` + l1t3Structure

// l1t3 gives a mandatory part alone.
func l1t3Frame(template, number uint16) []byte {
	return []byte{bitStart | bitEnd | byte(template), byte(number >> 8), byte(number)}
}

// l3t3Table is the example of section A.10.2.2, full SVC, as the
// specification prints it: layers, differences, chains, indications.
var l3t3Table = []struct {
	spatial, temporal int8
	diffs             []uint16
	chains            [3]uint8
	indications       string
}{
	{0, 0, nil, [3]uint8{0, 0, 0}, "SSSSSSSSS"},
	{0, 0, []uint16{12}, [3]uint8{12, 11, 10}, "RRRRRRSSS"},
	{0, 1, []uint16{6}, [3]uint8{6, 5, 4}, "RR-RR-SD-"},
	{0, 2, []uint16{3}, [3]uint8{3, 2, 1}, "R--R--D--"},
	{0, 2, []uint16{3}, [3]uint8{9, 8, 7}, "R--R--D--"},
	{1, 0, []uint16{1}, [3]uint8{1, 1, 1}, "SSSSSS---"},
	{1, 0, []uint16{12, 1}, [3]uint8{1, 1, 1}, "RRRSSS---"},
	{1, 1, []uint16{6, 1}, [3]uint8{7, 6, 5}, "RR-SD----"},
	{1, 2, []uint16{3, 1}, [3]uint8{4, 3, 2}, "R--D-----"},
	{1, 2, []uint16{3, 1}, [3]uint8{10, 9, 8}, "R--D-----"},
	{2, 0, []uint16{1}, [3]uint8{2, 1, 1}, "SSS------"},
	{2, 0, []uint16{12, 1}, [3]uint8{2, 1, 1}, "SSS------"},
	{2, 1, []uint16{6, 1}, [3]uint8{8, 7, 6}, "SD-------"},
	{2, 2, []uint16{3, 1}, [3]uint8{5, 4, 3}, "D--------"},
	{2, 2, []uint16{3, 1}, [3]uint8{11, 10, 9}, "D--------"},
}

// l3t3Structure is that table in bits.
const l3t3Structure = `
	111100                   template_id_offset: 60, so that identifiers wrap
	01000                    dt_cnt_minus_one: 9 targets
	00 01 01 00 10           next_layer_idc: S0T0 S0T0 S0T1 S0T2 S0T2
	00 01 01 00 10                           S1T0 S1T0 S1T1 S1T2 S1T2
	00 01 01 00 11                           S2T0 S2T0 S2T1 S2T2 S2T2
	10 10 10 10 10 10 10 10 10  template_dti[0]
	11 11 11 11 11 11 10 10 10
	11 11 00 11 11 00 10 01 00
	11 00 00 11 00 00 01 00 00
	11 00 00 11 00 00 01 00 00
	10 10 10 10 10 10 00 00 00  template_dti[5]
	11 11 11 10 10 10 00 00 00
	11 11 00 10 01 00 00 00 00
	11 00 00 01 00 00 00 00 00
	11 00 00 01 00 00 00 00 00
	10 10 10 00 00 00 00 00 00  template_dti[10]
	10 10 10 00 00 00 00 00 00
	10 01 00 00 00 00 00 00 00
	01 00 00 00 00 00 00 00 00
	01 00 00 00 00 00 00 00 00
	0                          fdiff_follows_flag[0]
	1 1011 0                   fdiff_minus_one: 12
	1 0101 0
	1 0010 0
	1 0010 0
	1 0000 0                   fdiff_minus_one[5]: 1
	1 1011 1 0000 0            12, 1
	1 0101 1 0000 0
	1 0010 1 0000 0
	1 0010 1 0000 0
	1 0000 0                   fdiff_minus_one[10]: 1
	1 1011 1 0000 0
	1 0101 1 0000 0
	1 0010 1 0000 0
	1 0010 1 0000 0
	011                        chain_cnt ns(10): 3
	11 11 11                   decode_target_protected_by ns(3): 2 2 2
	10 10 10                                                     1 1 1
	0 0 0                                                        0 0 0
	0000 0000 0000             template_chain_fdiff[0]
	1100 1011 1010
	0110 0101 0100
	0011 0010 0001
	1001 1000 0111
	0001 0001 0001             template_chain_fdiff[5]
	0001 0001 0001
	0111 0110 0101
	0100 0011 0010
	1010 1001 1000
	0010 0001 0001             template_chain_fdiff[10]
	0010 0001 0001
	1000 0111 0110
	0101 0100 0011
	1011 1010 1001
	0                          resolutions_present_flag
`

const l3t3Key = `
	1 1 111100               start_of_frame, end_of_frame, frame_dependency_template_id: 60
	0000000001100100         frame_number: 100
	1 0 0 0 0                template_dependency_structure_present_flag, the others not
` + l3t3Structure
