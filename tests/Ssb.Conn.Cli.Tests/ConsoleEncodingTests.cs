using System.Text;
using Ssb.Conn.Cli.Terminals;
using Ssb.Conn.Cli.View;

namespace Ssb.Conn.Cli.Tests;

/// <summary>The ellipsis, in consoles that have one and in those that do not.</summary>
public sealed class ConsoleEncodingTests : IDisposable
{
    private readonly string _folder = SocketFolder.Create("ssb-conn-");

    public void Dispose() => TestFolder.Delete(_folder);

    [Theory]
    [InlineData(65001, true), InlineData(1252, true), InlineData(437, false), InlineData(850, false), InlineData(28591, false), InlineData(20127, false)]
    public void CanShow_Ellipsis_AsTheCodePageHasIt(int codePage, bool can)
    {
        Encoding encoding = CodePagesEncodingProvider.Instance.GetEncoding(codePage) ?? Encoding.GetEncoding(codePage);
        Assert.Equal(can, ConsoleEncoding.CanShow(encoding, "…"));
    }

    [Theory]
    [InlineData("@pAhDcHjunq6epPv", 10, "@pAhDcH..."), InlineData("@pAhDcHjun", 10, "@pAhDcHjun"), InlineData("@pAhD", 2, "..")]
    [InlineData("größer als", 8, "größe..."), InlineData("日本日本", 6, "日...")]
    public void Fit_ThreeFullStops_TakeNoMoreThanTheWidth(string text, int width, string expected)
    {
        Assert.Equal(expected, TerminalText.Fit(text, width, "..."));
        Assert.True(TerminalText.Width(expected) <= width);
    }

    [Theory(Timeout = Patience.WholeTest)]
    [InlineData("en_US.ISO-8859-1", "@pAhDcH..."), InlineData("C.UTF-8", "@pAhDcHju…")]
    public async Task Db_InATerminal_ShowsTheEllipsisThatItHas(string locale, string expected)
    {
        using TerminalPane pane = await TerminalPane.OpenAsync(100, 30, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(_folder, "conn.json"), """
            {"net:127.0.0.1:9~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=":{"key":"@pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=.ed25519","type":"pub"}}
            """, TestContext.Current.CancellationToken);
        using Tool tool = Tool.Start(
            $"start --path {_folder} --no-lan --host 127.0.0.1 --port 0 --no-dial --json", TestContext.Current.CancellationToken);
        await tool.ReadUntilAsync(_ => true);
        await pane.TypeAsync($"env LC_ALL={locale} {Tool.InShell} db --path {_folder}", "Enter");
        string[] screen = await pane.UntilAsync(rows => rows.Any(row => row.StartsWith("@pAhD", StringComparison.Ordinal)));
        Assert.Contains(screen, row => row.StartsWith(expected, StringComparison.Ordinal));
        tool.Signal("TERM");
        await tool.ReadUntilAsync(_ => false);
        Assert.Equal(0, (await tool.EndAsync()).Code);
    }
}
