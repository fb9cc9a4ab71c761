//! A parsed expression before it is ever evaluated: every name it uses must be known, and whatever costs work is made to pay
//! for it.
//!
//! Two functions that nobody can write (`@` starts no name) are put in: [`EACH`] around what a loop runs over, [`TAKE`]
//! around the operands of operators and functions and around the elements of lists and maps. Both take a value's size from
//! the budget and give the value back. So no loop, copy or comparison is free, whatever the expression.

use super::functions;
use cel::{
    IdedExpr,
    common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr},
};

/// Around what a loop runs over: pays, and puts the keys of a map in order.
pub(super) const EACH: &str = "@each";
/// Around a value that is copied, compared or handed on: pays.
pub(super) const TAKE: &str = "@take";

/// Functions of CEL that an expression may call; macros such as `has` and `map` are gone by now.
const FUNCTIONS: [&str; 16] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "string",
    "int",
    "uint",
    "double",
    "bool",
    "bytes",
    "type",
    "dyn",
    "orValue",
    "hasValue",
    "value",
    "or",
];

/// Functions of the name space `optional`.
const OPTIONAL: [&str; 2] = ["of", "none"];

/// Names of types, for `type(x) == string`.
const TYPES: [&str; 10] =
    ["int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type", "type"];

/// Operators that look at no more than the value's outside, or evaluate only one side.
const CHEAP: [&str; 9] =
    ["_&&_", "_||_", "_?_:_", "!_", "_[_]", "_[?_]", "_?._", "@not_strictly_false", "-_"];

/// Deepest tree: a sum of so many parts. The evaluator's stack grows with it, and each level is at most three calls of it.
const DEPTH_MAX: usize = 64;

/// What is wrong with an expression, and where.
pub(super) struct Problem {
    /// Number of the part of the expression.
    pub(super) id: u64,
    /// What is wrong; what would be right.
    pub(super) text: String,
}

/// Checks the names and puts the payments in.
pub(super) fn check(root: &mut IdedExpr, variables: &[&str]) -> Result<(), Problem> {
    let scope = variables.iter().map(|v| (*v).to_owned()).collect();
    let mut checker = Checker { scope, variables, depth: 0 };
    checker.walk(root)
}

/// The fields of `payload.a.b`; none for `payload` itself.
pub(super) fn path(root: &IdedExpr) -> Option<Vec<String>> {
    match &root.expr {
        Expr::Ident(name) if name == super::PAYLOAD => Some(Vec::new()),
        Expr::Select(select) if !select.test => {
            let mut path = path(&select.operand)?;
            path.push(select.field.clone());
            Some(path)
        }
        _ => None,
    }
}

struct Checker<'v> {
    /// Variables of the place and of the loops around.
    scope: Vec<String>,
    variables: &'v [&'v str],
    depth: usize,
}

impl Checker<'_> {
    fn walk(&mut self, node: &mut IdedExpr) -> Result<(), Problem> {
        if self.depth == DEPTH_MAX {
            let text = format!("has more than {DEPTH_MAX} parts inside each other; say it with fewer");
            return Err(Problem { id: node.id, text });
        }
        self.depth += 1;
        let walked = self.part(node);
        self.depth -= 1;
        walked
    }

    fn part(&mut self, node: &mut IdedExpr) -> Result<(), Problem> {
        let id = node.id;
        match &mut node.expr {
            Expr::Literal(_) | Expr::Unspecified => Ok(()),
            Expr::Ident(name) => self.name(id, name),
            Expr::Select(select) => self.walk(&mut select.operand),
            Expr::Call(call) => self.call(id, call),
            Expr::List(list) => {
                for element in &mut list.elements {
                    self.walk(element)?;
                    paid(element);
                }
                Ok(())
            }
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    let EntryExpr::MapEntry(entry) = &mut entry.expr else { continue };
                    self.walk(&mut entry.key)?;
                    self.walk(&mut entry.value)?;
                    paid(&mut entry.value);
                }
                Ok(())
            }
            Expr::Comprehension(loops) => self.comprehension(loops),
            Expr::Struct(_) => Err(Problem {
                id,
                text: "there are no messages here; write a map: {\"sku\": ...}".to_owned(),
            }),
        }
    }

    fn name(&self, id: u64, name: &str) -> Result<(), Problem> {
        if TYPES.contains(&name) || self.scope.iter().any(|known| known == name) {
            return Ok(());
        }
        let known = self.variables.join(", ");
        Err(Problem { id, text: format!("no variable is called {name}; there are: {known}") })
    }

    fn call(&mut self, id: u64, call: &mut CallExpr) -> Result<(), Problem> {
        let name = call.func_name.as_str();
        let spaced = matches!(call.target.as_deref(), Some(IdedExpr { expr: Expr::Ident(space), .. })
            if space == "optional" && !self.scope.iter().any(|known| known == space));
        let operator = name.starts_with(['_', '@', '!', '-']);
        let known = if spaced {
            OPTIONAL.contains(&name)
        } else {
            operator || FUNCTIONS.contains(&name) || functions::arity(name).is_some()
        };
        if !known {
            let own = functions::OWN.map(|(name, _)| name).join(", ");
            let text =
                format!("no function is called {name}; besides CEL's own without times there are: {own}");
            return Err(Problem { id, text });
        }
        let values = call.args.len() + usize::from(call.target.is_some());
        if let Some(arity) = functions::arity(name).filter(|arity| !arity.contains(&values)) {
            let text = format!("{name}() takes {} to {} values", arity.start(), arity.end());
            return Err(Problem { id, text });
        }
        let free = CHEAP.contains(&name);
        if let Some(target) = call.target.as_mut().filter(|_| !spaced) {
            self.walk(target)?;
            paid(target);
        }
        for argument in &mut call.args {
            self.walk(argument)?;
            if !free {
                paid(argument);
            }
        }
        Ok(())
    }

    fn comprehension(&mut self, loops: &mut ComprehensionExpr) -> Result<(), Problem> {
        self.walk(&mut loops.iter_range)?;
        self.walk(&mut loops.accu_init)?;
        let outside = self.scope.len();
        self.scope.extend([loops.iter_var.clone(), loops.accu_var.clone()]);
        self.scope.extend(loops.iter_var2.clone());
        let inside = [&mut loops.loop_cond, &mut loops.loop_step, &mut loops.result];
        let walked = inside.into_iter().try_for_each(|part| self.walk(part));
        self.scope.truncate(outside);
        walked?;
        wrap(&mut loops.iter_range, EACH);
        Ok(())
    }
}

/// Makes the value pay, unless it is as short as its text, or its elements have paid, or it is what a loop collects: that has
/// paid element by element, and the evaluator knows such loops by their form.
fn paid(node: &mut IdedExpr) {
    let collected = matches!(&node.expr, Expr::Ident(name) if name.starts_with('@'));
    if !collected && !matches!(node.expr, Expr::Literal(_) | Expr::List(_) | Expr::Map(_)) {
        wrap(node, TAKE);
    }
}

fn wrap(node: &mut IdedExpr, function: &str) {
    let inner = std::mem::take(node);
    node.id = inner.id;
    node.expr = Expr::Call(CallExpr { func_name: function.to_owned(), target: None, args: vec![inner] });
}
