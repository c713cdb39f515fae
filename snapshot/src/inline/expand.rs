//! Code with templates in the place of calls.

use super::{
    MAX_LOCALS,
    template::{self, Template},
    tidy::{self, is_simple, zero},
};
use crate::source::Source;
use wasmparser::{Operator, ValType};

/// Code that is being written.
pub(super) struct Writer<'w, 'a> {
    source: &'w Source<'a>,
    templates: &'w [Option<Template<'a>>],
    /// The function that it is.
    index: u32,
    pub(super) operators: Vec<Operator<'a>>,
    /// The types of all locals.
    pub(super) locals: Vec<ValType>,
    /// How many of them it had before: the others are for what is put in it.
    own: usize,
    /// With so many operators, calls stay.
    limit: usize,
}

impl<'w, 'a> Writer<'w, 'a> {
    pub(super) fn new(
        source: &'w Source<'a>,
        templates: &'w [Option<Template<'a>>],
        index: u32,
        locals: Vec<ValType>,
        limit: usize,
    ) -> Self {
        Self {
            source,
            templates,
            index,
            operators: Vec::new(),
            own: locals.len(),
            locals,
            limit,
        }
    }

    /// Adds `operator`, or what it calls.
    pub(super) fn push(&mut self, operator: Operator<'a>) {
        if let Operator::Call { function_index } = operator
            && function_index != self.index
            && self.operators.len() < self.limit
            && self.locals.len() < MAX_LOCALS
            && let Some(template) = template::of(self.source, self.templates, function_index)
        {
            self.expand(template);
        } else {
            self.join(operator);
        }
    }

    /// Adds `operator`, unless it and what comes before are less together.
    fn join(&mut self, operator: Operator<'a>) {
        let joined = tidy::joined(&self.operators, &operator);
        if let Some((taken, left)) = joined {
            self.operators.truncate(self.operators.len() - taken);
            self.operators.extend(left);
        } else {
            self.operators.push(operator);
        }
    }

    fn expand(&mut self, template: &Template<'a>) {
        let mut site = Site {
            template,
            places: vec![None; template.locals.len()],
            is_taken: vec![false; self.locals.len() - self.own],
        };
        let computed = self.simple_arguments(&mut site);
        let skipped = site.left_on_stack(computed);
        self.set_arguments(&mut site, skipped, computed);
        for local in &template.zeroed {
            let place = self.place(&mut site, *local);
            self.operators
                .extend(zero(template.locals[*local as usize]));
            self.operators
                .push(Operator::LocalSet { local_index: place });
        }
        if let Some(blockty) = template.block {
            self.operators.push(Operator::Block { blockty });
        }
        for operator in &template.operators[skipped..] {
            let operator = self.renamed(&mut site, operator);
            self.join(operator);
        }
        if template.block.is_some() {
            self.operators.push(Operator::End);
        }
    }

    /// Takes back the last arguments that are locals or constants, for the
    /// template to use them itself. Gives how many are computed before these.
    fn simple_arguments(&mut self, site: &mut Site<'_, 'a>) -> usize {
        for param in (0..site.template.params).rev() {
            let Some(last) = self.operators.last().filter(|last| is_simple(last)) else {
                return param + 1;
            };
            if let Operator::LocalGet { local_index } = last
                && let Some(local) = (*local_index as usize).checked_sub(self.own)
            {
                site.is_taken[local] = true;
            }
            site.places[param] = self.operators.pop().map(Place::Same);
        }
        0
    }

    /// Sets the parameters that need locals of their own.
    fn set_arguments(&mut self, site: &mut Site<'_, 'a>, skipped: usize, computed: usize) {
        let template = site.template;
        // Those on the stack come first, from its top.
        for param in (skipped..computed).rev() {
            if template.gets[param] == 0 {
                self.operators.push(Operator::Drop);
                continue;
            }
            let place = self.place(site, param as u32);
            self.operators
                .push(Operator::LocalSet { local_index: place });
        }
        for param in computed..template.params {
            if template.sets[param] == 0 {
                continue;
            }
            if let Some(Place::Same(operator)) = site.places[param].take() {
                let place = self.place(site, param as u32);
                self.operators.push(operator);
                self.operators
                    .push(Operator::LocalSet { local_index: place });
            }
        }
    }

    /// The local for `local` of the template.
    fn place(&mut self, site: &mut Site<'_, 'a>, local: u32) -> u32 {
        if let Some(Place::Local(place)) = site.places[local as usize] {
            return place;
        }
        let ty = site.template.locals[local as usize];
        let mut spare = self.locals[self.own..].iter().zip(&site.is_taken);
        let found = spare.position(|(other, is_taken)| *other == ty && !is_taken);
        let at = found.unwrap_or_else(|| {
            self.locals.push(ty);
            site.is_taken.push(true);
            site.is_taken.len() - 1
        });
        site.is_taken[at] = true;
        let place = (self.own + at) as u32;
        site.places[local as usize] = Some(Place::Local(place));
        place
    }

    fn renamed(&mut self, site: &mut Site<'_, 'a>, operator: &Operator<'a>) -> Operator<'a> {
        match *operator {
            Operator::LocalGet { local_index } => {
                if let Some(Place::Same(operator)) = &site.places[local_index as usize] {
                    return operator.clone();
                }
                let local_index = self.place(site, local_index);
                Operator::LocalGet { local_index }
            }
            Operator::LocalSet { local_index } => Operator::LocalSet {
                local_index: self.place(site, local_index),
            },
            Operator::LocalTee { local_index } => Operator::LocalTee {
                local_index: self.place(site, local_index),
            },
            _ => operator.clone(),
        }
    }
}

/// A call whose place a template takes.
struct Site<'t, 'a> {
    template: &'t Template<'a>,
    /// What the template's locals are here, as far as it is known.
    places: Vec<Option<Place<'a>>>,
    /// Of the locals for templates, those that are in use here. Elsewhere they
    /// are free: a template leaves nothing in them.
    is_taken: Vec<bool>,
}

#[derive(Clone)]
enum Place<'a> {
    Local(u32),
    /// What gives the same value.
    Same(Operator<'a>),
}

impl Site<'_, '_> {
    /// How many of the parameters that are `computed` can stay on the stack, as
    /// the template begins with reading just these, once: all or none.
    fn left_on_stack(&self, computed: usize) -> usize {
        let template = self.template;
        let reads = |(param, operator): (usize, &Operator<'_>)| {
            matches!(operator, Operator::LocalGet { local_index } if *local_index as usize == param)
                && template.gets[param] == 1
                && template.sets[param] == 0
        };
        let first = template.operators.get(..computed);
        let all = first.is_some_and(|first| first.iter().enumerate().all(reads));
        if all && template.block.is_none() && template.zeroed.is_empty() {
            computed
        } else {
            0
        }
    }
}
