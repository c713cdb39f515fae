// GET shows what was written; POST adds the request's body to it.
const entries = kv.get('entries', []);
if (std.getenv('REQUEST_METHOD') === 'POST') {
  entries.push(std.in.readAsString().slice(0, 200));
  kv.set('entries', entries.slice(-20));
  print('Status: 303 See Other\nLocation: /guestbook\n');
} else {
  print('Content-Type: application/json\n');
  print(JSON.stringify(entries));
}
