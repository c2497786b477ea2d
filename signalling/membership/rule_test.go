package membership_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/membership/vector"
	"meshfocus/signalling/message"
)

// rules are the constants of rule.go, by name.
func rules(t *testing.T) map[string]membership.Rule {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "rule.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]membership.Rule{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all[spec.Names[0].Name] = membership.Rule(text)
		}
		return true
	})
	return all
}

func TestRules_NameDocumentAndSection(t *testing.T) {
	form := regexp.MustCompile(`^(MSC\d{4} [^:]+|decision D\d+|matrix-dart-sdk call memberships): \S`)
	all := rules(t)
	if len(all) < 20 {
		t.Fatalf("%d rules", len(all))
	}
	for name, rule := range all {
		if !form.MatchString(string(rule)) {
			t.Errorf("%s is %q, want a document, a section and what does not hold", name, rule)
		}
	}
}

// What another implementation cannot be shown it will get wrong.
func TestRooms_ShowEveryFormAndEveryRule(t *testing.T) {
	refused, forms := map[membership.Rule]bool{}, map[message.Form]bool{}
	for _, name := range roomNames(t) {
		facts, now := readRoom(t, name).Facts()
		result := membership.Compute(facts, now)
		for _, r := range result.Refusals {
			refused[r.Rule] = true
		}
		for _, s := range result.Sessions {
			for _, m := range s.Members {
				forms[m.Form] = true
			}
		}
	}
	for name, rule := range rules(t) {
		ofPlan := rule == membership.RuleAgreement || rule == membership.RuleFull || rule == membership.RuleOldest
		if refused[rule] == ofPlan {
			t.Errorf("%s refuses somebody in a recorded room: %v", name, refused[rule])
		}
		if !strings.Contains(string(vector.JSON), strconv.Quote(string(rule))) && !ofPlan {
			t.Errorf("%s is not in the vectors", name)
		}
	}
	for form := message.FormCalls; form.String() != message.FormLeft.String(); form++ {
		if !forms[form] {
			t.Errorf("no member of form %s is recorded", form)
		}
	}
}
