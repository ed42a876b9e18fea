namespace Interop.Tests.Peer;

public class SideBySideTests
{
    [Fact]
    public async Task Dump()
    {
        Task<ConnRecording> js = ConnRecording.OfJavaScriptAsync();
        Task<ConnRecording> ours = ConnRecording.OfOursAsync();
        File.WriteAllLines("/tmp/side/js.txt", (await js).Calls.Select(c => c + "  " + js.Result.Lines[c].ToJsonString(new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping })));
        File.WriteAllLines("/tmp/side/ours.txt", (await ours).Calls.Select(c => c + "  " + ours.Result.Lines[c].ToJsonString(new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping })));
    }
}
