import express from "express";

const app = express();
app.get("/", (request, response) => response.set("Greeting", process.env.GREETING).end());
const server = app.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/`));
