//! The OpenAPI document, from the table of operations and the shapes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::table::{Gives, OPERATIONS, Operation, Parameter};
use crate::api::{Place, Shape, Type};
use crate::control::PREFIX;

/// This API as an OpenAPI 3.1 document.
pub fn document() -> Value {
    let mut paths = Map::new();
    let mut shapes = BTreeMap::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.word().to_ascii_lowercase()] = described(operation, &mut shapes);
    }
    // The reply of every refusal.
    note(&super::shapes::Error, &mut shapes);
    let schemas: Map<_, _> = shapes.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "tidegate",
            "version": "1",
            "description": "The control API of a running daemon. The token stands in `control.token` of its data folder.",
        },
        "servers": [{"url": PREFIX}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "responses": {
                "Refusal": {
                    "description": "Why it was not done.",
                    "content": {"application/json": {"schema": {
                        "type": "object",
                        "properties": {"error": reference(&super::shapes::Error)},
                        "required": ["error"],
                    }}},
                },
            },
            "schemas": schemas,
        },
    })
}

/// The shapes by name, as they are met.
type Shapes = BTreeMap<&'static str, Value>;

fn described(operation: &Operation, shapes: &mut Shapes) -> Value {
    let doc = |text: &str| text.trim_end_matches('.').to_owned();
    let outside = operation.parameters.iter().filter(|one| one.place != Place::Body);
    let parameters: Vec<_> = outside
        .map(|one| {
            let place = if one.place == Place::Path { "path" } else { "query" };
            let schema = of_parameter(one, shapes);
            json!({"name": one.name, "in": place, "required": one.required, "description": one.doc, "schema": schema})
        })
        .collect();
    let (status, kind, given) = match &operation.gives {
        Gives::One(shape) => ("200", "application/json", of_shape(shape, shapes)),
        Gives::Begun(shape) => ("202", "application/json", of_shape(shape, shapes)),
        Gives::List(shape) => ("200", "application/json", json!({"type": "array", "items": of_shape(shape, shapes)})),
        Gives::Stream(shape) => ("200", "text/event-stream", of_shape(shape, shapes)),
        Gives::Any => ("200", "application/json", json!({"type": "object"})),
    };
    let mut described = json!({
        "operationId": operation.id,
        "tags": [operation.group],
        "summary": doc(operation.doc),
        "responses": {
            status: {"description": "It went well.", "content": {kind: {"schema": given}}},
            "default": {"$ref": "#/components/responses/Refusal"},
        },
    });
    if !operation.note.is_empty() {
        described["description"] = operation.note.into();
    }
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    let fields: Vec<&Parameter> = operation.parameters.iter().filter(|one| one.place == Place::Body).collect();
    if !fields.is_empty() {
        let required: Vec<_> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
        let mut properties = Map::new();
        for field in &fields {
            let schema = of_parameter(field, shapes);
            // Null is as good as absent.
            let mut schema = if field.required { schema } else { nullable(schema) };
            schema["description"] = field.doc.into();
            properties.insert(field.name.into(), schema);
        }
        let mut body = json!({"type": "object", "properties": properties, "additionalProperties": false});
        if !required.is_empty() {
            body["required"] = json!(required);
        }
        described["requestBody"] =
            json!({"required": !required.is_empty(), "content": {"application/json": {"schema": body}}});
    }
    described
}

fn of_parameter(parameter: &Parameter, shapes: &mut Shapes) -> Value {
    let mut schema = schema(&parameter.ty, shapes);
    if matches!(parameter.ty, Type::Int) {
        schema["minimum"] = 0.into();
    }
    if !parameter.words.is_empty() {
        schema["enum"] = json!(parameter.words);
    }
    schema
}

fn reference(shape: &Shape) -> Value {
    json!({"$ref": format!("#/components/schemas/{}", shape.name)})
}

fn of_shape(shape: &'static Shape, shapes: &mut Shapes) -> Value {
    note(shape, shapes);
    reference(shape)
}

/// Keeps a shape and those that it is made of.
fn note(shape: &'static Shape, shapes: &mut Shapes) {
    if shapes.contains_key(shape.name) {
        return;
    }
    // Before its fields, for one that holds itself.
    shapes.insert(shape.name, Value::Null);
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in shape.fields {
        let mut schema = schema(&field.ty, shapes);
        if field.null {
            schema = nullable(schema);
        }
        if !field.doc.is_empty() {
            schema["description"] = field.doc.into();
        }
        properties.insert(field.name.into(), schema);
        if !field.absent {
            required.push(field.name);
        }
    }
    let schema = json!({
        "type": "object", "description": shape.doc, "properties": properties, "required": required,
    });
    shapes.insert(shape.name, schema);
}

fn nullable(schema: Value) -> Value {
    match schema.get("type").cloned() {
        Some(word) => {
            let mut schema = schema;
            schema["type"] = json!([word, "null"]);
            schema
        }
        None if schema.get("$ref").is_some() => json!({"anyOf": [schema, {"type": "null"}]}),
        None => schema,
    }
}

/// As tidegate's own JSON has it: times in RFC 3339, lengths of time in seconds.
fn schema(ty: &Type, shapes: &mut Shapes) -> Value {
    match ty {
        Type::Any => json!({}),
        Type::Millis | Type::Seconds => json!({"type": "string", "format": "date-time"}),
        Type::DurationMillis | Type::DurationSeconds => json!({"type": "number"}),
        Type::List(item) | Type::Page(item) => json!({"type": "array", "items": schema(item, shapes)}),
        Type::Map(item) => json!({"type": "object", "additionalProperties": schema(item, shapes)}),
        Type::Null_(inner) => nullable(schema(inner, shapes)),
        Type::Shape(shape) => of_shape(shape, shapes),
        plain => json!({"type": plain.json()}),
    }
}
