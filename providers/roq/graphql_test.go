package roq

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// row is an object of the vendor's, by the names of its GraphQL fields.
type row = map[string]any

// fail is a GraphQL error as the vendor formats it (FACTS.md section 6).
type fail struct {
	kind, code string
	status     int
	variables  row
}

func (f fail) Error() string { return f.code }

func (f fail) json() row {
	variables := f.variables
	if variables == nil {
		variables = row{}
	}
	return row{"message": "text of the vendor's", "extensions": row{
		"code": f.kind, "response": row{
			"statusCode": f.status, "errorCode": f.code, "message": "text of the vendor's", "variables": variables,
		},
	}}
}

// execute runs a document: resolve answers root fields, and the selections are
// cut out of what it answers. Fields that a row does not have are null.
func execute(document string, variables row, resolve func(field string, arguments row) (any, error)) (row, error) {
	parsed, err := parser.ParseQuery(&ast.Source{Input: document})
	if err != nil {
		return nil, fail{kind: "GRAPHQL_PARSE_FAILED", code: "GRAPHQL_PARSE_FAILED", status: 400}
	}
	operation := parsed.Operations[0]
	for _, declared := range operation.VariableDefinitions {
		if _, given := variables[declared.Variable]; !given && declared.Type.NonNull {
			return nil, fail{kind: "BAD_USER_INPUT", code: "GRAPHQL_VALIDATION_FAILED", status: 400}
		}
	}
	data := row{}
	for _, selection := range operation.SelectionSet {
		field := selection.(*ast.Field)
		if !included(field, variables) {
			continue
		}
		arguments := row{}
		for _, argument := range field.Arguments {
			value, err := argument.Value.Value(variables)
			if err != nil {
				return nil, err
			}
			arguments[argument.Name] = value
		}
		value, err := resolve(field.Name, arguments)
		if err != nil {
			return nil, err
		}
		data[field.Alias] = project(value, field.SelectionSet, variables)
	}
	return data, nil
}

func included(field *ast.Field, variables row) bool {
	for _, directive := range field.Directives {
		if directive.Name != "include" {
			continue
		}
		value, err := directive.Arguments.ForName("if").Value.Value(variables)
		if err != nil || value != true {
			return false
		}
	}
	return true
}

func project(value any, selections ast.SelectionSet, variables row) any {
	switch v := value.(type) {
	case []row:
		list := []any{}
		for _, one := range v {
			list = append(list, project(one, selections, variables))
		}
		return list
	case row:
		if v == nil || len(selections) == 0 {
			return v
		}
		cut := row{}
		for _, selection := range selections {
			field := selection.(*ast.Field)
			if included(field, variables) {
				cut[field.Alias] = project(v[field.Name], field.SelectionSet, variables)
			}
		}
		return cut
	default:
		return value
	}
}

// page filters, sorts and cuts a table as FACTS.md section 4.5 says.
func page(table []row, arguments row, cap int) row {
	filter, _ := arguments["filter"].(row)
	var found []row
	for _, one := range table {
		if matches(one, filter) {
			found = append(found, one)
		}
	}
	by, descending := "createdAt", true
	if order, ok := arguments["order"].(row); ok {
		by, descending = fmt.Sprint(order["sort"]), order["order"] == "DESC"
	}
	slices.SortStableFunc(found, func(a, b row) int {
		if descending {
			a, b = b, a
		}
		return strings.Compare(fmt.Sprint(a[by]), fmt.Sprint(b[by]))
	})
	total := len(found)
	found = found[min(number(arguments["offset"]), total):]
	limit := number(arguments["limit"])
	if limit <= 0 || limit > cap {
		limit = cap
	}
	return row{"data": found[:min(limit, len(found))], "totalCount": total}
}

func number(value any) int {
	switch v := value.(type) {
	case float64:
		return int(v)
	case int64:
		return int(v)
	default:
		return 0
	}
}

// matches reports whether a row fits every filter. A null comparison matches
// what has no value.
func matches(one row, filter row) bool {
	for name, value := range filter {
		if name == "withDeactivated" {
			continue
		}
		for op, operand := range value.(row) {
			equal := func(other any) bool { return one[name] == other }
			switch op {
			case "equalTo":
				if !equal(operand) {
					return false
				}
			case "valueIn":
				if list, _ := operand.([]any); !slices.ContainsFunc(list, equal) {
					return false
				}
			default:
				panic("the test's vendor does not know the comparison " + op)
			}
		}
	}
	return true
}
