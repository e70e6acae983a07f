//! Bodies of the functions of a bomb.

use wasm_encoder::{BlockType, CodeSection, Function, InstructionSink, MemArg, ValType};

use super::{Bomb, CONSUMER, FIRST, Shape, WIDE};

impl Bomb {
    pub(super) fn code(self) -> CodeSection {
        let mut code = CodeSection::new();
        let mut add = |locals: &[(u32, ValType)], write: &dyn Fn(&mut InstructionSink<'_>)| {
            let mut function = Function::new(locals.iter().copied());
            let mut body = function.instructions();
            write(&mut body);
            body.end();
            code.function(&function);
        };
        add(&[], &|_| {});
        add(&[], &|body| {
            body.i32_const(4_096);
        });
        add(&[], &|body| {
            body.i32_const(0);
        });
        let own = self.own_functions();
        for n in 0..own {
            add(&[], &|body| self.own_body(n, own, body));
        }
        let local = match self.shape {
            Shape::FloatJoins => ValType::F64,
            _ => ValType::I32,
        };
        let locals = match self.shape {
            // The parameters are as many.
            Shape::Returns => None,
            _ => Some((self.width, local)),
        };
        for _ in 0..self.copies {
            add(locals.as_slice(), &|body| self.body(body));
        }
        code
    }

    /// Writes the body of a function that the construct consists of.
    fn own_body(self, n: u32, own: u32, body: &mut InstructionSink<'_>) {
        match self.shape {
            Shape::CallChain => {
                increments(self.width, body);
                if n + 1 < own {
                    body.call(FIRST + n + 1).call(FIRST + n + 1);
                }
            }
            Shape::Functions => increments(self.width, body),
            _ => {}
        }
    }

    /// Writes the body of a function that repeats the construct.
    fn body(self, body: &mut InstructionSink<'_>) {
        match self.shape {
            Shape::Blocks
            | Shape::Ifs
            | Shape::IfsBelowOperands
            | Shape::BranchTable
            | Shape::Branches
            | Shape::Vectors => {
                self.push(body);
                self.above_operands(body);
                for _ in 0..self.width {
                    body.drop();
                }
            }
            Shape::CallChain | Shape::Functions => {
                body.call(FIRST);
            }
            Shape::Nested => {
                for _ in 0..self.count {
                    body.block(BlockType::Empty);
                }
                for n in 0..self.count {
                    body.local_get(0).br_if(self.count - 1 - n).end();
                }
            }
            Shape::Returns => {
                for _ in 0..self.count {
                    body.local_get(0).if_(BlockType::Empty);
                    self.push(body);
                    body.return_().end();
                }
                self.push(body);
            }
            Shape::Types | Shape::Declarations => {}
            _ => {
                for n in 0..self.count {
                    self.repetition(n, body);
                }
            }
        }
    }

    fn push(self, body: &mut InstructionSink<'_>) {
        for local in 0..self.width {
            body.local_get(local);
        }
    }

    /// Writes constructs above `width` operands, which they leave.
    fn above_operands(self, body: &mut InstructionSink<'_>) {
        let wide = BlockType::FunctionType(WIDE);
        match self.shape {
            Shape::Branches => {
                body.block(wide);
                for _ in 0..self.count {
                    body.local_get(0).br_if(0);
                }
                body.end();
            }
            Shape::BranchTable => {
                body.block(wide).local_get(0);
                body.br_table(vec![0; self.count as usize], 0).end();
            }
            Shape::Vectors => {
                body.v128_const(1);
                for n in 0..self.count {
                    body.v128_const(n.into());
                    body.i8x16_shuffle([n as u8 % 32; 16]);
                }
                body.drop();
            }
            _ => {
                for _ in 0..self.count {
                    match self.shape {
                        Shape::Blocks => body.block(wide).end(),
                        Shape::Ifs => body.local_get(0).if_(wide).else_().end(),
                        _ => condition(0, body),
                    };
                }
            }
        }
    }

    /// Writes one of the constructs that stand side by side.
    fn repetition(self, n: u32, body: &mut InstructionSink<'_>) {
        let local = n % self.width;
        match self.shape {
            Shape::LoopsAndLocals => {
                body.loop_(BlockType::Empty);
                body.local_get(local).i32_const(1).i32_sub();
                body.local_tee(local).br_if(0).end();
            }
            Shape::Calls => {
                self.push(body);
                body.call(FIRST);
            }
            Shape::IndirectCalls => {
                self.push(body);
                body.i32_const(0).call_indirect(0, CONSUMER);
            }
            Shape::Globals => {
                for _ in 0..self.width {
                    body.global_get(n).global_set(n);
                }
            }
            Shape::FloatJoins => {
                let from = (n * 7 + 1) % self.width;
                let empty = BlockType::Empty;
                body.i32_const(0).i32_load(argument(4)).if_(empty);
                body.local_get(from).local_get(local).f64_add();
                body.local_set(local).end();
                body.i32_const(0).local_get(local).f64_store(argument(8));
            }
            Shape::Memory => {
                body.i32_const(0).local_get(local).i64_load(argument(8));
                body.i64_store(argument(8));
                body.i32_const(0).i32_const(0).local_get(0).memory_fill(0);
            }
            _ => {
                condition(local, body);
            }
        }
    }
}

/// Writes a conditional block that changes a local.
fn condition<'a, 'b>(local: u32, body: &'a mut InstructionSink<'b>) -> &'a mut InstructionSink<'b> {
    let empty = BlockType::Empty;
    body.i32_const(0).i32_load(argument(4)).if_(empty);
    body.i32_const(0)
        .i32_load(argument(4))
        .local_set(local)
        .end()
}

/// Writes instructions that change memory.
fn increments(count: u32, body: &mut InstructionSink<'_>) {
    for n in 0..count {
        body.i32_const(0).i32_const(n as i32).i32_store(argument(4));
    }
}

fn argument(bytes: u32) -> MemArg {
    MemArg {
        offset: 0,
        align: bytes.ilog2(),
        memory_index: 0,
    }
}
